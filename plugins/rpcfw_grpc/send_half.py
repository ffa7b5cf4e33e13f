"""
Calls on a connection, and what is sent on them.

Theory of operation. A call that is whole in one step on either side is only an
entry in `_calls` that says so (an `Opening` at a server, None at a client); all
others are a `Stream`. An entry is made a `Stream` as soon as anything happens that
needs one. A call that the application is done with stays as long as bytes of it
wait for flow control, marked as done.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import OrderedDict
from typing import Generic, TypeVar

from rpcfw.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import StreamWritable
from rpcfw.spi.machine import Limits
from rpcfw_grpc.framing import DATA_AND_PREFIX, PREFIX_BYTES
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.flow_control import MOST_WINDOW_BYTES, grown
from rpcfw_grpc.http2.frames import END_STREAM, ErrorCode, StreamFault
from rpcfw_grpc.streams import Stream

__all__ = ["Sending"]

E = TypeVar("E")

_LEAST_RESET = 1000
#: Largest piece sent in one frame, so that small messages need not wait long.
_PIECE_BYTES = 64 << 10


class Sending(Connection, Generic[E]):
    """
    The calls of a connection, and their sending half.
    """

    def __init__(self, limits: Limits, *, server: bool) -> None:
        super().__init__(limits, server=server)
        self._calls: dict[int, Stream | E] = {}
        # Streams that this side reset, and how much may still come late on each.
        self._reset: dict[int, int] = {}
        self._most_reset = max(_LEAST_RESET, limits.max_calls)
        # Streams with something to send that wait for the connection's window, the next
        # to send first; and those that wait for their own.
        self._waiting: OrderedDict[int, None] = OrderedDict()
        self._blocked: dict[int, None] = {}
        # Bytes of messages that are not all here, and what those take that nobody took yet.
        self._partial = 0
        self._unread = 0
        self._finished = 0
        self._sent_bytes = 0
        # The most that any stream was granted; it may be over by now.
        self._most_granted = 0
        self.unsent_bytes = 0
        # What is to be done once all was read.
        self._window_raised = False
        self._withdrawn = False
        # HEADERS and DATA, but for those of answers that left whole.
        self._frames_sent = 0

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    @property
    def newest_call(self) -> int:
        return self._last_id

    @property
    def held_bytes(self) -> int:
        """
        What came and was not yet handed out, or not yet reported as consumed.
        """
        return self._rest_bytes + self._block_bytes + self._partial + self._unread

    @property
    def unread_bytes(self) -> int:
        return self._unread

    def unread_calls(self) -> list[tuple[int, int]]:
        return [
            (stream.held, stream.id)
            for stream in self._calls.values()
            if type(stream) is Stream and stream.held
        ]

    def fail(self, reason: str) -> None:
        super().fail(reason)
        # Whatever is asked for these calls from now on is asked too late, and dropped. The
        # objects of a connection refer to each other, so what waits on them for a window
        # would stay in memory until the garbage collector comes.
        self._calls.clear()
        self._waiting.clear()
        self._blocked.clear()
        self._partial = self._unread = self.unsent_bytes = 0

    # What subclasses add.

    @abstractmethod
    def _return_connection(self) -> None:
        """
        Give back what the peer may send in all streams together, if it is due.
        """

    @abstractmethod
    def _check_encoding(self, stream: Stream, encoding: str) -> None:
        """
        Raise if the head of the stream did not announce this compression.
        """

    @abstractmethod
    def _ended_sending(self, stream: Stream) -> None:
        """
        Take note that this side's half is over: go to the next state, forget what is closed.
        """

    @abstractmethod
    def _grow(self, stream_id: int, entry: E) -> Stream:
        """
        Make a stream of a call that was none so far.
        """

    # Finding streams.

    def _stream(self, stream_id: int) -> Stream | None:
        entry = self._calls.get(stream_id, self)
        if entry is self:
            return None
        if type(entry) is not Stream:
            entry = self._calls[stream_id] = self._grow(stream_id, entry)  # type: ignore[arg-type]  # E
        return entry

    def _own(self, call_id: int) -> Stream | None:
        """
        Return the stream of a call that the application asks something for.

        None if the call is over, which the application may not know yet.
        """
        stream = self._stream(call_id)
        if stream is None:
            if call_id > self._last_id or not call_id & 1:
                raise LocalProtocolError(f"call {call_id} was never begun")
            return None
        return None if stream.done else stream

    def _forget(self, stream: Stream) -> None:
        self._calls.pop(stream.id, None)
        self._waiting.pop(stream.id, None)
        self._blocked.pop(stream.id, None)
        self._partial -= stream.reader.partial
        self._release(stream)
        self._drop_outgoing(stream)
        stream.done = True
        # What it had left unread may have held all others up.
        self._return_connection()

    def _release(self, stream: Stream) -> None:
        self._unread -= stream.held
        stream.held = stream.unread = 0

    def _send_reset(self, stream_id: int, code: int) -> None:
        self._out.append(frames.reset(stream_id, code))
        self._ignore(stream_id)

    def _ignore(self, stream_id: int) -> None:
        # A window of messages, and as much again that heads are counted as.
        self._reset[stream_id] = 2 * self._limits.stream_window_bytes
        if len(self._reset) > self._most_reset:
            del self._reset[next(iter(self._reset))]

    # Sending.

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        self._check_sendable(len(body))
        stream = self._own(call_id)
        if stream is None:
            return False
        if stream.tail is not None:
            raise LocalProtocolError(f"call {call_id} was ended; nothing may be sent on it")
        self._check_encoding(stream, encoding)
        if self._send_whole(stream, body, 1 if encoding else 0):
            return True
        self._queue(stream, body, encoding)
        self._pump(stream)
        stream.full = bool(stream.outgoing.size)
        return not stream.full

    def _send_whole(self, stream: Stream, body: bytes, flag: int) -> bool:
        """
        Send a message as one DATA frame at once: most messages of most streams.

        Returns False, and has done nothing, if others wait before it, if a window does not
        let it through, or if one frame does not hold it.
        """
        length = len(body) + PREFIX_BYTES
        if (
            stream.outgoing.size
            or length > self._peer.window_bytes + stream.granted
            or length > self._room
            or length > self._peer.frame_bytes
            or length > _PIECE_BYTES
        ):
            return False
        stream.granted -= length
        self._room -= length
        self._sent_bytes += length
        self._progress += 1
        self._frames_sent += 1
        self._out.append(
            DATA_AND_PREFIX.pack(
                length >> 8, length & 0xFF, frames.DATA, 0, stream.id, flag, len(body)
            )
        )
        self._out.append(body)
        return True

    def _queue(self, stream: Stream, body: bytes, encoding: str) -> None:
        stream.outgoing.add(body, 1 if encoding else 0)
        self.unsent_bytes += len(body) + PREFIX_BYTES

    def _drop_outgoing(self, stream: Stream) -> None:
        self.unsent_bytes -= stream.outgoing.size
        stream.outgoing.clear()

    def _check_sendable(self, size: int) -> None:
        limit = self._limits.max_send_bytes
        if size > limit:
            raise MessageTooLarge(f"{size} bytes to send, over max_send_bytes of {limit} bytes")

    def _pump(self, stream: Stream, pieces: int = 1 << 30) -> None:
        """
        Send what flow control lets through, and the tail behind it.

        Args:
            pieces: most frames to send now.
        """
        outgoing = stream.outgoing
        most = min(self._peer.frame_bytes, _PIECE_BYTES)
        room = self._peer.window_bytes + stream.granted
        while outgoing.size and pieces:
            count = min(outgoing.size, room, self._room, most)
            if count <= 0:
                break
            room -= count
            stream.granted -= count
            self._room -= count
            self._sent_bytes += count
            self.unsent_bytes -= count
            pieces -= 1
            self._progress += 1
            self._frames_sent += 1
            ended = stream.tail == b"" and count == outgoing.size
            flags = END_STREAM if ended else 0
            self._out.append(
                frames.FRAME_HEAD.pack(count >> 8, count & 0xFF, frames.DATA, flags, stream.id)
            )
            self._out.extend(outgoing.take(count))
            if ended:
                self._park(stream, room)
                self._ended_sending(stream)
                return
        self._park(stream, room)
        if not outgoing.size and stream.tail is not None:
            if stream.tail:
                self._out.append(self._block_frames(stream.id, stream.tail, END_STREAM))
            else:
                self._out.append(frames.pack(frames.DATA, END_STREAM, stream.id))
            self._ended_sending(stream)

    def _park(self, stream: Stream, room: int) -> None:
        """
        Note what the rest of a stream's bytes wait for: their window, the connection's, nothing.
        """
        size = stream.outgoing.size
        if size and room > 0:
            self._waiting[stream.id] = None
            self._blocked.pop(stream.id, None)
            return
        self._waiting.pop(stream.id, None)
        if size:
            self._blocked[stream.id] = None
        else:
            self._blocked.pop(stream.id, None)

    def _block_frames(self, stream_id: int, block: bytes, flags: int) -> bytes:
        return frames.headers(stream_id, block, flags, self._peer.frame_bytes)

    def cancel(self, call_id: int, reason: str = "") -> None:
        # Neither RST_STREAM nor anything else of HTTP/2 could carry the reason.
        stream = self._own(call_id)
        if stream is not None:
            self._forget(stream)
            self._send_reset(call_id, ErrorCode.CANCEL)

    def _made_room(self, stream: Stream) -> None:
        if stream.full and not stream.outgoing.size:
            stream.full = False
            if not stream.done:
                self._events.append(StreamWritable(stream.id))

    def _on_stream_window(self, stream_id: int, increment: int) -> None:
        if not increment:
            raise StreamFault(
                stream_id, "a WINDOW_UPDATE adds at least 1; 0 came", ErrorCode.PROTOCOL_ERROR
            )
        stream = self._stream(stream_id)
        if stream is None:
            return
        window = self._peer.window_bytes
        try:
            stream.granted = grown(window + stream.granted, increment) - window
        except RemoteProtocolError as error:
            raise StreamFault(stream_id, error.reason, error.code) from None
        self._most_granted = max(self._most_granted, stream.granted)
        if stream.outgoing.size:
            self._pump(stream)
            self._made_room(stream)

    def _on_more_room(self) -> None:
        # One frame each in turn, so that a long message does not starve the rest.
        waiting = self._waiting
        while waiting and self._room > 0:
            stream_id, _ = waiting.popitem(last=False)
            stream = self._stream(stream_id)
            if stream is not None:
                self._pump(stream, pieces=1)
                self._made_room(stream)

    def _on_settings_changed(self, window_change: int) -> None:
        if window_change > 0:
            self._check_windows()
            self._guards.window_raised(len(self._blocked), self._finished, self._sent_bytes)
            self._window_raised = self._unsettled = True

    def _check_windows(self) -> None:
        """
        Raise if the first window is more than a stream can hold beside what it was granted.
        """
        window = self._peer.window_bytes
        if window + self._most_granted > MOST_WINDOW_BYTES:
            granted = [each.granted for each in self._calls.values() if type(each) is Stream]
            self._most_granted = max(granted, default=0)
            grown(window, self._most_granted)

    def _withdraw(self, place: int) -> None:
        """
        Take an event back.

        Its place stays empty until all was read: to close the gap at once would cost time
        for each other call that came with it.
        """
        self._events[place] = None  # type: ignore[call-overload]  # gone before anyone looks
        self._withdrawn = self._unsettled = True

    def _settle(self) -> None:
        self._unsettled = False
        if self._window_raised:
            self._window_raised = False
            if not self._over:
                self._use_raised_window()
        if self._withdrawn:
            self._withdrawn = False
            self._events[:] = list(filter(None, self._events))

    def _use_raised_window(self) -> None:
        for stream_id in list(self._blocked):
            stream = self._stream(stream_id)
            if stream is not None:
                self._pump(stream)
                self._made_room(stream)
