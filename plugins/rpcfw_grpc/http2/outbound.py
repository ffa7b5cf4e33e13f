"""
What leaves a connection: frames, and DATA under flow control (RFC 9113, section 5.2).

Theory of operation. Frames are queued in `Outbound.out` in the order in which they are to be
written. DATA that a window does not let through waits in its stream (`Stream.outgoing`). A
stream that waits for its own window is in `_blocked`; one that could send if the connection's
window let it is in `_waiting`, the next to send first.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Activity
from rpcfw_grpc.http2.frames import END_STREAM
from rpcfw_grpc.http2.settings import INITIAL_WINDOW_BYTES, PeerSettings
from rpcfw_grpc.http2.stream import Stream

__all__ = ["ALL_FRAMES", "Outbound"]

#: Largest DATA frame sent, so that small messages need not wait long.
_MAX_DATA_BYTES = 64 << 10
#: For `Outbound.flush`: no bound on what is sent at once but the windows.
ALL_FRAMES: Final = 1 << 30

_AnyStream = Stream[Any]


class Outbound:
    """
    The sending half of a connection.

    Args:
        peer: what the peer takes.
        activity: where what left is counted.

    Attributes:
        out: what is to be written next. Always the same list.
        window: what may be sent in all streams together.
        unsent_bytes: bytes that wait for a window, in all streams.
        size_update: what the next header block must begin with (RFC 7541, section 4.2).
    """

    def __init__(self, peer: PeerSettings, activity: Activity) -> None:
        self._peer = peer
        self._activity = activity
        self.out: list[bytes | memoryview] = []
        self.window = INITIAL_WINDOW_BYTES
        self.unsent_bytes = 0
        self.size_update = b""
        self._waiting: OrderedDict[int, _AnyStream] = OrderedDict()
        self._blocked: dict[int, _AnyStream] = {}

    def take_output(self) -> bytes:
        """
        Return what must be written now, and forget it.
        """
        if not self.out:
            return b""
        data = b"".join(self.out)
        self.out.clear()
        return data

    def send_headers(self, stream_id: int, block: bytes, flags: int = 0) -> None:
        """
        Send a header block.

        Args:
            flags: `END_STREAM` or 0.
        """
        if self.size_update:
            block, self.size_update = self.size_update + block, b""
        self._activity.frames_sent += 1
        self.out.append(frames.headers(stream_id, block, flags, self._peer.frame_bytes))

    def reserve(self, stream: _AnyStream, length: int) -> bool:
        """
        Take so much from both windows, for a DATA frame that is sent at once.

        Returns False, and has done nothing, if others wait before it, if a window does not
        let it through, or if one frame does not hold it.
        """
        if (
            stream.outgoing.size
            or length > self._peer.window_bytes + stream.granted
            or length > self.window
            or length > self._peer.frame_bytes
            or length > _MAX_DATA_BYTES
        ):
            return False
        activity = self._activity
        stream.granted -= length
        self.window -= length
        activity.sent_bytes += length
        activity.progress += 1
        activity.frames_sent += 1
        return True

    def queue(self, stream: _AnyStream, data: bytes) -> None:
        """
        Have bytes wait for flow control; `flush` sends what it lets through.
        """
        stream.outgoing.add(data)
        self.unsent_bytes += len(data)

    def drop(self, stream: _AnyStream) -> None:
        """
        Drop what waits to be sent on a stream.
        """
        self.unsent_bytes -= stream.outgoing.size
        stream.outgoing.clear()

    def forget(self, stream: _AnyStream) -> None:
        """
        Drop all that concerns a stream.
        """
        self._waiting.pop(stream.id, None)
        self._blocked.pop(stream.id, None)
        self.drop(stream)

    def clear(self) -> None:
        """
        Drop all that waits.
        """
        self._waiting.clear()
        self._blocked.clear()
        self.unsent_bytes = 0

    def flush(self, stream: _AnyStream, max_frames: int = ALL_FRAMES) -> bool:
        """
        Send what flow control lets through, and the trailers behind it.

        Returns:
            Whether END_STREAM was sent.
        """
        outgoing, activity = stream.outgoing, self._activity
        most = min(self._peer.frame_bytes, _MAX_DATA_BYTES)
        window = self._peer.window_bytes + stream.granted
        ended = False
        while outgoing.size and max_frames:
            count = min(outgoing.size, window, self.window, most)
            if count <= 0:
                break
            window -= count
            stream.granted -= count
            self.window -= count
            self.unsent_bytes -= count
            max_frames -= 1
            activity.sent_bytes += count
            activity.progress += 1
            activity.frames_sent += 1
            ended = stream.trailers_block == b"" and count == outgoing.size
            self._send_data(stream, count, END_STREAM if ended else 0)
        self._park(stream, window)
        if ended or outgoing.size or stream.trailers_block is None:
            return ended
        if stream.trailers_block:
            self.send_headers(stream.id, stream.trailers_block, END_STREAM)
        else:
            self.out.append(frames.pack(frames.DATA, END_STREAM, stream.id))
        return True

    def _send_data(self, stream: _AnyStream, count: int, flags: int) -> None:
        self.out.append(
            frames.FRAME_HEADER.pack(count >> 8, count & 0xFF, frames.DATA, flags, stream.id)
        )
        self.out.extend(stream.outgoing.take(count))

    def _park(self, stream: _AnyStream, window: int) -> None:
        """
        Note what the rest of a stream's bytes wait for: their window, the connection's, nothing.
        """
        size = stream.outgoing.size
        if size:
            stream.outgoing.trim()
        if size and window > 0:
            self._waiting[stream.id] = stream
            self._blocked.pop(stream.id, None)
            return
        self._waiting.pop(stream.id, None)
        if size:
            self._blocked[stream.id] = stream
        else:
            self._blocked.pop(stream.id, None)

    # Windows that grow.

    def next_waiting(self) -> _AnyStream | None:
        """
        Return the next stream that the connection's window lets send, if any.

        One frame each in turn: a long message does not starve the rest.
        """
        if self.window <= 0 or not self._waiting:
            return None
        return self._waiting.popitem(last=False)[1]

    @property
    def blocked(self) -> list[_AnyStream]:
        """
        The streams that wait for their own windows.
        """
        return list(self._blocked.values())

    @property
    def blocked_count(self) -> int:
        """
        How many these are.
        """
        return len(self._blocked)
