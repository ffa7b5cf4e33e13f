"""
Flow control: how much may be on its way, in each direction (RFC 9113, section 5.2).

Theory of operation. A sender has a window, for each stream and for the connection; DATA takes
from it and the receiver's WINDOW_UPDATE adds to it.

What we receive. A stream's window is given back when the application has taken a message, so
that a slow reader slows its sender. The connection's is given back at once, so that one slow
reader does not stop the others; only while too much lies unread in all streams together is it
held back. It goes back in lumps of half a window, so that small messages cost no frame each.

A message larger than half the window could never arrive whole if its bytes had to be taken
first. So its bytes are given back as they come (its size was checked when it was announced),
and `ReceiveWindow.acknowledged_early` remembers how many: they are not given back twice.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.settings import CONNECTION_WINDOW_BYTES

__all__ = ["MAX_WINDOW_BYTES", "ReceiveFlow", "ReceiveWindow", "enlarged", "increment_at"]

MAX_WINDOW_BYTES = 2**31 - 1


def enlarged(window: int, increment: int) -> int:
    """
    Return a send window after WINDOW_UPDATE or SETTINGS has changed it (section 6.9.1).
    """
    window += increment
    if window > MAX_WINDOW_BYTES:
        raise RemoteProtocolError(
            f"a window may hold {MAX_WINDOW_BYTES} bytes; it was raised to {window}",
            ErrorCode.FLOW_CONTROL_ERROR,
        )
    return window


def increment_at(data: bytes, at: int, stream_id: int, window: int) -> int:
    """
    Return what the WINDOW_UPDATE frame at ``at`` adds to the window of a stream.

    0 if it is of another stream, or not as it should be, or makes the window too large.
    """
    high, low, _, _, same, increment = frames.WINDOW_UPDATE_FRAME.unpack_from(data, at)
    if high or low != 4 or same != stream_id or window + increment > MAX_WINDOW_BYTES:
        return 0
    return int(increment)


class ReceiveWindow:
    """
    What the peer may send, on one stream or on all together.

    Args:
        size: what it may send before it is given more.

    Attributes:
        left: what it may still send.
        unacknowledged: bytes that it may send again, without a WINDOW_UPDATE so far.
        acknowledged_early: bytes of the unfinished message that were given back already.
    """

    __slots__ = ("acknowledged_early", "left", "size", "unacknowledged")

    def __init__(self, size: int) -> None:
        self.size = size
        self.left = size
        self.unacknowledged = 0
        self.acknowledged_early = 0

    def receive(self, count: int) -> bool:
        """
        Count bytes that came. Returns False if they are more than was allowed.
        """
        self.left -= count
        return self.left >= 0

    def acknowledge(self, count: int) -> int:
        """
        Count bytes that may come again.

        Returns:
            The increment that is due to the peer now, 0 for none yet.
        """
        self.unacknowledged += count
        # A window of a byte or two still moves: half of one is nothing.
        if self.unacknowledged * 2 < self.size or not self.unacknowledged:
            return 0
        increment, self.unacknowledged = self.unacknowledged, 0
        self.left += increment
        return increment

    def acknowledge_early(self, partial: int, whole: int) -> int:
        """
        Give back what has come of an unfinished message that is too large to wait for.

        Args:
            partial: bytes of the message that are here.
            whole: bytes that it will have.
        """
        if whole * 2 < self.size:
            return 0
        early = partial - self.acknowledged_early
        self.acknowledged_early = partial
        return self.acknowledge(early)

    def cost(self, size: int) -> int:
        """
        Return what is still to be given back for a message that is now whole.
        """
        cost, self.acknowledged_early = size - self.acknowledged_early, 0
        return cost


class ReceiveFlow:
    """
    The receive window of a connection, and the WINDOW_UPDATE frames of all windows.

    Args:
        out: where frames to be written go.
        max_unread: what may lie unread before the connection's window is held back.

    Attributes:
        window: of the connection.
        unread: what came and was not taken yet, in all streams. Its user updates it.
    """

    __slots__ = ("_max_unread", "_out", "unread", "window")

    def __init__(self, out: list[bytes | memoryview], max_unread: int) -> None:
        self._out = out
        self._max_unread = max_unread
        self.window = ReceiveWindow(CONNECTION_WINDOW_BYTES)
        self.unread = 0

    def receive(self, size: int) -> None:
        """
        Count DATA against the connection's window, and give it back.
        """
        if not self.window.receive(size):
            raise RemoteProtocolError(
                "more DATA than the connection's window allows", ErrorCode.FLOW_CONTROL_ERROR
            )
        self.window.unacknowledged += size
        self.acknowledge_connection()

    def acknowledge_connection(self) -> None:
        """
        Give back what the peer may send in all streams together, if it is due.
        """
        window = self.window
        if window.unacknowledged * 2 >= window.size and self.unread <= self._max_unread:
            self._out.append(frames.window_update(0, window.acknowledge(0)))

    def acknowledge(self, stream_id: int, window: ReceiveWindow, size: int) -> None:
        """
        Give bytes of a stream back, if they are due.
        """
        self.update_stream(stream_id, window.acknowledge(size))

    def update_stream(self, stream_id: int, increment: int) -> None:
        """
        Tell the peer what it may send more on a stream; nothing if that is 0.
        """
        if increment:
            self._out.append(frames.window_update(stream_id, increment))
