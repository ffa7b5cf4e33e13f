"""
The streams of a connection by their ids, and those that were closed recently.

Frames on closed streams (RFC 9113, section 5.1). A stream that this side has reset, or
ended early, may still get frames that the peer had on their way: they are counted against the
connection's window and dropped. The newest of such streams are kept in `recently_reset`, with
what may come on each: as many bytes as its window let through, a few HEADERS, one END_STREAM.
More than that moves no stream, and on any other closed stream a frame is the peer's fault. Of
older ones it is only known how many frames may come: a server that was paused answers all of
them at once.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2.abuse import AbuseDetector, ControlFrame
from rpcfw_grpc.http2.arriving import Arriving
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault
from rpcfw_grpc.http2.stream import Stream

__all__ = ["StreamTable"]

H = TypeVar("H")
C = TypeVar("C")

_MIN_RECENTLY_RESET = 1000
#: HEADERS that may come on a closed stream: the response's, and some informational ones.
_LATE_HEADERS = 8
#: Frames that may come for each stream that is not kept any more: those of a short response.
_LATE_FRAMES = 4
_MAX_GAPS = 16


class StreamTable(Generic[H, C]):
    """
    Which streams are open, were reset recently, or were passed over.

    Args:
        limits: what this side takes.
        abuse: where frames are counted that move no stream.

    Attributes:
        open: a `Stream` each, or what the user has put in its place. Always the same dict.
        newest: the id of the last stream that was begun; -1 before the first, which is 1.
        accepts: new streams may begin; at a server until its final GOAWAY is sent.
    """

    def __init__(self, limits: Limits, abuse: AbuseDetector) -> None:
        self._abuse = abuse
        self.open: dict[int, Stream[C] | Arriving[H] | H | None] = {}
        self.newest = -1
        self.accepts = True
        # Streams that this side reset, and how many bytes may still come on each.
        self._recently_reset: dict[int, int] = {}
        self._max_recently_reset = max(_MIN_RECENTLY_RESET, limits.max_calls)
        # A window of DATA, and as much again that HEADERS are counted as.
        self._late_bytes = 2 * limits.stream_window_bytes
        self._headers_cost = 1 + limits.stream_window_bytes // _LATE_HEADERS
        # Frames that may still come on streams that were reset, and are not kept any more.
        self._late_frames = 0
        # Ids that were passed over: a frame for one is another fault than a late one.
        self._gaps: list[range] = []

    def remember_reset(self, stream_id: int) -> None:
        """
        Note that what still comes on a stream was sent in good faith.
        """
        recently_reset = self._recently_reset
        recently_reset[stream_id] = self._late_bytes
        if len(recently_reset) > self._max_recently_reset:
            del recently_reset[next(iter(recently_reset))]
            self._late_frames += _LATE_FRAMES

    def check_not_idle(self, stream_id: int, what: str) -> None:
        """
        Refuse a frame for a stream that was never begun.
        """
        if (stream_id > self.newest and stream_id not in self._recently_reset) or not stream_id & 1:
            raise RemoteProtocolError(
                f"{what} on stream {stream_id}, which was not begun", ErrorCode.PROTOCOL_ERROR
            )

    def data_on_closed(self, stream_id: int, size: int, *, ended: bool) -> None:
        """
        Judge DATA for a stream that is not open.
        """
        self._on_closed(stream_id, "DATA", size, ended=ended)

    def headers_on_closed(self, stream_id: int, *, ended: bool) -> None:
        """
        Judge HEADERS for a stream that is not open, at a client.
        """
        self._on_closed(stream_id, "HEADERS", self._headers_cost, ended=ended)

    def _on_closed(self, stream_id: int, what: str, cost: int, *, ended: bool) -> None:
        left = self._recently_reset.get(stream_id)
        if left is not None:
            if ended:
                del self._recently_reset[stream_id]
            elif 0 < cost <= left:
                self._recently_reset[stream_id] = left - cost
            else:
                self._abuse.control_frame(ControlFrame.OTHER)
            return
        self.check_not_idle(stream_id, what)
        if self._late_frames:
            self._late_frames -= 1
            return
        raise StreamFault(
            stream_id, f"{what} on stream {stream_id}, which is closed", ErrorCode.STREAM_CLOSED
        )

    def is_new(self, stream_id: int, *, ended: bool) -> bool:
        """
        Judge HEADERS for a stream that is not open, at a server (section 5.1.1).

        Returns:
            Whether they begin a stream; if not, they are to be dropped.
        """
        if not stream_id & 1:
            raise RemoteProtocolError(
                f"a client's streams have odd numbers; {stream_id} came",
                ErrorCode.PROTOCOL_ERROR,
            )
        if stream_id > self.newest:
            if not self.accepts:
                # The client could not know yet. The GOAWAY on its way says that this
                # stream was not begun (section 6.8).
                self.remember_reset(stream_id)
                self._abuse.control_frame(ControlFrame.OTHER)
            return self.accepts
        if stream_id in self._recently_reset:
            self.headers_on_closed(stream_id, ended=ended)
            return False
        skipped = any(stream_id in gap for gap in self._gaps)
        raise RemoteProtocolError(
            f"HEADERS on stream {stream_id}, after stream {self.newest}",
            ErrorCode.PROTOCOL_ERROR if skipped else ErrorCode.STREAM_CLOSED,
        )

    def begin(self, stream_id: int) -> None:
        """
        Note that the peer has begun a stream.
        """
        if stream_id > self.newest + 2 and len(self._gaps) < _MAX_GAPS:
            self._gaps.append(range(self.newest + 1, stream_id))
        self.newest = stream_id
