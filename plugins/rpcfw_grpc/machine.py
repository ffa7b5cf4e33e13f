"""
Calls on a connection, as far as both sides do the same: reading and sending.

Theory of operation. A call that is whole in one step on either side is only an
entry in `_calls` that says so (an `Opening` at a server, None at a client); all
others are a `Stream`. An entry is made a `Stream` as soon as anything happens that
needs one. A call that the application is done with stays as long as bytes of it
wait for flow control, marked as done.

Late frames. A stream that this side has reset, or ended early, may still get
frames that the peer had on their way: they are counted against the connection's
window and dropped. The newest of such streams are kept in `_reset`; on any other
closed stream a frame is the peer's fault.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Generic, TypeVar

from rpcfw.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import MessageReceived, RoomMade
from rpcfw.spi.protocol import Limits
from rpcfw.status import Status
from rpcfw_grpc import frames
from rpcfw_grpc.connection import Connection
from rpcfw_grpc.frames import END_STREAM, ErrorCode, StreamFault
from rpcfw_grpc.guards import Idle
from rpcfw_grpc.prefix import PREFIX_BYTES, BadPrefix, TooLarge
from rpcfw_grpc.streams import Step, Stream
from rpcfw_grpc.windows import grown

__all__ = ["GRPCMachine"]

E = TypeVar("E")

#: Messages of the largest size that may be unfinished at once on a connection.
_UNFINISHED_MESSAGES = 16
_UNREAD_BYTES = 64 << 20
_MOST_RESET = 1000
#: Largest piece sent in one frame, so that small messages need not wait long.
_PIECE_BYTES = 64 << 10


class GRPCMachine(Connection, Generic[E]):
    """
    What both sides do with the streams of their calls.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...], *, server: bool) -> None:
        super().__init__(limits, accepts, server=server)
        self._calls: dict[int, Stream | E] = {}
        self._reset: dict[int, None] = {}
        # Streams with something to send that wait for the connection's window.
        self._waiting: dict[int, None] = {}
        self._partial = 0
        self._unread = 0
        self._most_unread = max(_UNREAD_BYTES, _UNFINISHED_MESSAGES * limits.max_receive_bytes)
        self._finished = 0

    # What the sides add.

    @abstractmethod
    def _grow(self, stream_id: int, entry: E) -> Stream:
        """
        Make a stream of a call that was none so far.
        """

    @abstractmethod
    def _on_end(self, stream: Stream) -> None:
        """
        The peer ended its half with a DATA frame.
        """

    @abstractmethod
    def _on_unwanted(self, stream: Stream, size: int, ended: bool) -> None:
        """
        Bytes came that the application does not wait for. They are dropped.
        """

    @abstractmethod
    def _give_up(self, stream: Stream, status: Status, text: str) -> None:
        """
        End a call that cannot go on, on both sides.
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
        Return the stream of a call that the application asks something for; None
        if the call is over, which the application may not know yet.
        """
        stream = self._stream(call_id)
        if stream is None:
            if call_id > self._last_id or not call_id & 1:
                raise LocalProtocolError(f"call {call_id} was never begun")
            return None
        return None if stream.done else stream

    def _late(self, stream_id: int, what: str) -> None:
        """
        Judge a frame for a stream that is no more.
        """
        if stream_id in self._reset:
            self._guards.idle(Idle.OTHER, self._progress)
            return
        self._check_reached(stream_id, what)
        raise StreamFault(
            stream_id, f"{what} on stream {stream_id}, which is closed", ErrorCode.STREAM_CLOSED
        )

    def _forget(self, stream: Stream) -> None:
        self._calls.pop(stream.id, None)
        self._waiting.pop(stream.id, None)
        self._partial -= stream.reader.partial
        self._unread -= stream.unread
        stream.outgoing.clear()
        stream.done = True

    def _send_reset(self, stream_id: int, code: int) -> None:
        self._out.append(frames.reset(stream_id, code))
        self._ignore(stream_id)

    def _ignore(self, stream_id: int) -> None:
        self._reset[stream_id] = None
        if len(self._reset) > _MOST_RESET:
            del self._reset[next(iter(self._reset))]

    def _take_back(self, stream: Stream) -> MessageReceived | None:
        """
        Withdraw a call's first message: it becomes part of a larger event.
        """
        message = stream.message
        if message is not None:
            self._events.remove(message)
            self._unread -= stream.unread
            stream.unread = 0
        return message

    # Reading.

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._take(size)
        body = frames.strip_padding(flags, payload)
        stream = self._stream(stream_id)
        if stream is None:
            self._late(stream_id, "DATA")
            return
        stream.step(Step.RECEIVED)
        ended = bool(flags & END_STREAM)
        if body:
            self._progress += 1
        elif not ended:
            self._guards.idle(Idle.EMPTY, self._progress)
        if not stream.inbound.take(size):
            raise StreamFault(
                stream_id, "more DATA than the window allows", ErrorCode.FLOW_CONTROL_ERROR
            )
        stream.count(len(body), ended=ended)
        if ended:
            stream.step(Step.RECEIVED_END)
        elif size > len(body):
            self._return(stream, size - len(body))
        if stream.done:
            self._on_unwanted(stream, len(body), ended)
        elif self._read_messages(stream, body) and ended:
            self._on_end(stream)

    def _take(self, size: int) -> None:
        """
        Count DATA against the connection's window, and give it back.
        """
        inbound = self._inbound
        if not inbound.take(size):
            raise RemoteProtocolError(
                "more DATA than the connection's window allows", ErrorCode.FLOW_CONTROL_ERROR
            )
        inbound.owed += size
        if inbound.owed * 2 >= inbound.size:
            self._return_connection()

    def _return_connection(self) -> None:
        if self._unread <= self._most_unread:
            increment = self._inbound.free(0)
            if increment:
                self._out.append(frames.window_update(0, increment))

    def _return(self, stream: Stream, size: int) -> None:
        increment = stream.inbound.free(size)
        if increment:
            self._out.append(frames.window_update(stream.id, increment))

    def _read_messages(self, stream: Stream, body: bytes) -> bool:
        """
        Hand out what messages are whole now. Returns False if the call is over.
        """
        reader, inbound = stream.reader, stream.inbound
        before = reader.partial
        try:
            messages = reader.feed(body)
        except TooLarge as error:
            limit = self._limits.max_receive_bytes
            text = f"a message of {error.size} bytes came; max_receive_bytes = {limit}"
            self._give_up(stream, Status.RESOURCE_EXHAUSTED, text)
            return False
        except BadPrefix as error:
            self._give_up(stream, Status.INTERNAL, str(error))
            return False
        self._partial += reader.partial - before
        for flag, message in messages:
            if flag and not stream.encoding:
                text = "a message is marked as compressed, but grpc-encoding names nothing"
                self._give_up(stream, Status.INTERNAL, text)
                return False
            cost = inbound.cost(len(message) + PREFIX_BYTES)
            stream.messages += 1
            stream.unread += cost
            self._unread += cost
            event = MessageReceived(stream.id, message, stream.encoding if flag else "", cost)
            if stream.messages == 1:
                stream.message = event
            self._events.append(event)
        return not reader.partial or self._go_on(stream)

    def _go_on(self, stream: Stream) -> bool:
        if self._partial > self._most_unread:
            text = f"over {self._most_unread} bytes of unfinished messages on one connection"
            self._give_up(stream, Status.RESOURCE_EXHAUSTED, text)
            return False
        increment = stream.inbound.free_early(stream.reader.partial, stream.reader.whole)
        if increment:
            self._out.append(frames.window_update(stream.id, increment))
        return True

    def consumed(self, call_id: int, cost: int) -> None:
        stream = self._calls.get(call_id)
        if type(stream) is not Stream:
            return
        cost = min(cost, stream.unread)
        stream.unread -= cost
        self._unread -= cost
        if stream.may_receive:
            self._return(stream, cost)
        if self._inbound.owed * 2 >= self._inbound.size:
            self._return_connection()

    # Sending.

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        self._check_sendable(len(body))
        stream = self._own(call_id)
        if stream is None:
            return True
        if stream.tail is not None:
            raise LocalProtocolError(f"call {call_id} was ended; nothing may be sent on it")
        self._check_encoding(stream, encoding)
        stream.outgoing.add(body, 1 if encoding else 0)
        self._pump(stream)
        stream.full = bool(stream.outgoing.size)
        return not stream.full

    def _check_sendable(self, size: int) -> None:
        limit = self._limits.max_send_bytes
        if size > limit:
            raise MessageTooLarge(f"{size} bytes to send, over max_send_bytes of {limit} bytes")

    @abstractmethod
    def _check_encoding(self, stream: Stream, encoding: str) -> None:
        """
        Raise if the head of the stream did not announce this compression.
        """

    def _pump(self, stream: Stream, pieces: int = 1 << 30) -> None:
        """
        Send what flow control lets through, and the tail behind it.

        Args:
            pieces: most frames to send now.
        """
        outgoing = stream.outgoing
        most = min(self._peer.frame_bytes, _PIECE_BYTES)
        while outgoing.size and pieces:
            count = min(outgoing.size, stream.room, self._room, most)
            if count <= 0:
                break
            stream.room -= count
            self._room -= count
            pieces -= 1
            self._progress += 1
            ended = stream.tail == b"" and count == outgoing.size
            flags = END_STREAM if ended else 0
            self._out.append(
                frames.FRAME_HEAD.pack(count >> 8, count & 0xFF, frames.DATA, flags, stream.id)
            )
            self._out.extend(outgoing.take(count))
            if ended:
                self._waiting.pop(stream.id, None)
                self._ended_sending(stream)
                return
        if outgoing.size and stream.room > 0:
            self._waiting[stream.id] = None
            return
        self._waiting.pop(stream.id, None)
        if not outgoing.size and stream.tail is not None:
            if stream.tail:
                self._out.append(self._block_frames(stream.id, stream.tail, END_STREAM))
            else:
                self._out.append(frames.pack(frames.DATA, END_STREAM, stream.id))
            self._ended_sending(stream)

    def _block_frames(self, stream_id: int, block: bytes, flags: int) -> bytes:
        return frames.headers(stream_id, block, flags, self._peer.frame_bytes)

    def cancel(self, call_id: int, reason: str = "") -> None:
        # Neither RST_STREAM nor anything else of HTTP/2 could carry the reason.
        stream = self._own(call_id)
        if stream is not None:
            self._forget(stream)
            self._send_reset(call_id, ErrorCode.CANCEL)

    @abstractmethod
    def _ended_sending(self, stream: Stream) -> None:
        """
        This side's half is over: go to the next state, forget what is closed.
        """

    def _made_room(self, stream: Stream) -> None:
        if stream.full and not stream.outgoing.size:
            stream.full = False
            if not stream.done:
                self._events.append(RoomMade(stream.id))

    def _on_stream_window(self, stream_id: int, increment: int) -> None:
        if not increment:
            raise StreamFault(
                stream_id, "a WINDOW_UPDATE adds at least 1; 0 came", ErrorCode.PROTOCOL_ERROR
            )
        stream = self._stream(stream_id)
        if stream is None:
            return
        try:
            stream.room = grown(stream.room, increment)
        except RemoteProtocolError as error:
            raise StreamFault(stream_id, error.reason, error.code) from None
        if stream.outgoing.size:
            self._pump(stream)
            self._made_room(stream)

    def _on_more_room(self) -> None:
        # One frame each in turn, so that a long message does not starve the rest.
        while self._waiting and self._room > 0:
            for stream_id in list(self._waiting):
                stream = self._stream(stream_id)
                if stream is None:
                    del self._waiting[stream_id]
                    continue
                self._pump(stream, pieces=1)
                self._made_room(stream)
                if self._room <= 0:
                    break

    def _on_settings_changed(self, window_change: int) -> None:
        if not window_change:
            return
        for stream in list(self._calls.values()):
            if type(stream) is Stream:
                stream.room = grown(stream.room, window_change)
                if stream.outgoing.size and window_change > 0:
                    self._pump(stream)
                    self._made_room(stream)
