"""
How many streams a client may have open at once (RFC 9113, section 5.1.2).
"""

from __future__ import annotations

from rpcfw_grpc.http2.abuse import Activity
from rpcfw_grpc.http2.settings import UNLIMITED

__all__ = ["StreamLimit"]

#: Streams at once before the server's SETTINGS have the limit.
_INITIAL_STREAMS = 100
#: Frames of streams that must come before a server that refused one is trusted again.
_PROGRESS_AFTER_REFUSAL = 100


class StreamLimit:
    """
    As many as the server's SETTINGS allow, or fewer after it has refused one.

    Args:
        limit: of this side's own.
        activity: what has moved.

    Attributes:
        current: the streams that may be open now.
    """

    __slots__ = ("_activity", "_announced", "_limit", "_refused_at", "current")

    def __init__(self, limit: int, activity: Activity) -> None:
        self._limit = limit
        self._activity = activity
        self._announced = min(_INITIAL_STREAMS, limit)
        self._refused_at = 0
        self.current = self._announced

    def announced(self, streams: int) -> None:
        """
        Keep to SETTINGS_MAX_CONCURRENT_STREAMS.
        """
        self._announced = self._limit if streams == UNLIMITED else min(self._limit, streams)
        self.current = self._announced

    def refused(self, open_streams: int) -> None:
        """
        Take fewer for a while: the server has refused one (REFUSED_STREAM).

        It may not have counted off yet what was answered, and so see more streams than
        there are; or it takes fewer than it has announced.
        """
        # At least one, or nothing would ever show that the server takes more. But one is too
        # many where SETTINGS allow none.
        self.current = min(self._announced, max(1, min(self.current, open_streams)))
        self._refused_at = self._activity.progress

    def allows(self, open_streams: int) -> bool:
        """
        Return whether one more may be opened.
        """
        if open_streams < self.current:
            return True
        if self._activity.progress - self._refused_at < _PROGRESS_AFTER_REFUSAL:
            return False
        self.current = self._announced
        return open_streams < self.current
