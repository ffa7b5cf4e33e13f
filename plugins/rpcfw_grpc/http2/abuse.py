"""
When a peer counts as hostile, decided without a clock (RFC 9113, section 10.5).

Theory of operation. Frames that move no stream cost the peer little and us some
work: what is counted is how many of them come between two that do. Streams that are
begun and cancelled are weighed against those that were let run to their end: each
of these forgives a share of a cancelled one.

Two scores are kept of cancelled streams. One that came and was cancelled within the
same bytes was hardly meant to run ("rapid reset"): these are held against
``max_resets``. Others may well be honest, as when this process hangs and the time of all
the peer's requests runs out at once, so ``max_calls`` of them are tolerated: that is how many
one peer could have open. A stream that *we* had to reset for a fault of the peer's
counts as if the peer had done it.

After a pause of this process one read may hold what an honest peer did in seconds. So
before a score counts as hostile, the peer is given credit for the time that was lost.
"""

from __future__ import annotations

from enum import IntEnum

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2.frames import ErrorCode

__all__ = ["AbuseDetector", "Activity", "ControlFrame"]


class ControlFrame(IntEnum):
    """
    Frames that move no stream.
    """

    PING = 0
    SETTINGS = 1
    EMPTY_DATA = 2
    OTHER = 3


_TEXTS = {
    # Clients that ping to keep a connection alive look for exactly this debug data, and
    # ping less often then.
    ControlFrame.PING: "too_many_pings",
    ControlFrame.SETTINGS: "too many SETTINGS frames",
    ControlFrame.EMPTY_DATA: "too many empty frames",
    ControlFrame.OTHER: "too many frames that move no call",
}


#: So many streams that wait cost, when the window is raised, as much as one SETTINGS frame.
_STREAMS_AT_ONCE = 100
#: So many bytes sent forgive one.
_FORGIVING_BYTES = 64 << 10


class Activity:
    """
    What has moved on a connection, ever.

    Attributes:
        progress: frames and whole requests that moved a stream, in either direction.
        finished: streams that ran to their end.
        sent_bytes: bytes of DATA that left under flow control.
        frames_sent: HEADERS and DATA that left, but those of responses in one piece.
    """

    __slots__ = ("finished", "frames_sent", "progress", "sent_bytes")

    def __init__(self) -> None:
        self.progress = 0
        self.finished = 0
        self.sent_bytes = 0
        self.frames_sent = 0


class AbuseDetector:
    """
    The scores of one peer.

    Args:
        limits: what it may do.
        activity: what forgives it.
    """

    def __init__(self, limits: Limits, activity: Activity) -> None:
        self._limits = limits
        self._activity = activity
        most = limits.max_pings
        self._max_frames = (most, most, most, 10 * most)
        self._counts = [0] * len(ControlFrame)
        self._progress = -1
        self._newest_before = 0
        self._pinged = False
        self._finished = 0
        self._rapid = 0.0
        self._cancelled = 0.0
        self._ping_credit = limits.pauses.flood_credit(most)
        self._reset_credit = limits.pauses.flood_credit(limits.max_resets)
        # Of raised windows: the score, and what was sent when it was kept last.
        self._raises = 0.0
        self._finished_at_raise = 0
        self._sent_at_raise = 0

    def new_batch(self, newest_stream: int) -> None:
        """
        Begin to read some bytes; the last stream begun before them is given.
        """
        self._newest_before = newest_stream
        self._pinged = False

    def control_frame(self, kind: ControlFrame) -> None:
        """
        Count a frame that moved nothing.

        The first PING that comes with some bytes is free: an idle connection is kept
        alive by pings and nothing else.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        progress = self._activity.progress
        if progress != self._progress:
            self._progress = progress
            self._counts = [0, 0, 0, 0]
        if kind is ControlFrame.PING and not self._pinged:
            self._pinged = True
            return
        if self._counts[kind] >= self._max_frames[kind] and self._ping_credit.pays_one():
            return
        self._counts[kind] += 1
        if self._counts[kind] > self._max_frames[kind]:
            raise RemoteProtocolError(_TEXTS[kind], ErrorCode.ENHANCE_YOUR_CALM)

    def stream_cancelled(self, stream_id: int) -> None:
        """
        Count a stream that the peer reset, or made us reset.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        limits = self._limits
        finished = self._activity.finished
        forgiven = (finished - self._finished) * limits.max_resets / 100
        self._finished = finished
        self._cancelled = max(self._cancelled - forgiven, 0.0) + 1
        self._rapid = max(self._rapid - forgiven, 0.0)
        if stream_id > self._newest_before:
            self._rapid += 1
        if self._rapid > limits.max_resets and self._reset_credit.pays_one():
            self._rapid -= 1
        if self._rapid > limits.max_resets or self._cancelled > limits.max_calls:
            raise RemoteProtocolError(
                f"too many calls begun and cancelled; max_resets = {limits.max_resets}",
                ErrorCode.ENHANCE_YOUR_CALM,
            )

    def window_raised(self, blocked: int) -> None:
        """
        Count a SETTINGS frame that raises the windows of all streams at once.

        It makes us look at every stream that waits for its window, and may give each a
        byte. Only streams that end, and bytes that leave in good number, forgive it.

        Args:
            blocked: how many streams wait.

        Raises:
            RemoteProtocolError: it was one too many.
        """
        activity = self._activity
        forgiven = activity.finished - self._finished_at_raise
        forgiven += (activity.sent_bytes - self._sent_at_raise) // _FORGIVING_BYTES
        self._finished_at_raise = activity.finished
        self._sent_at_raise = activity.sent_bytes
        most = self._max_frames[ControlFrame.SETTINGS]
        cost = 1 + min(blocked / _STREAMS_AT_ONCE, most / 2)
        self._raises = max(self._raises - forgiven, 0.0) + cost
        if self._raises > most:
            raise RemoteProtocolError(
                "too many changes of INITIAL_WINDOW_SIZE", ErrorCode.ENHANCE_YOUR_CALM
            )
