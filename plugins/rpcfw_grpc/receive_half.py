"""
What comes on calls: messages, their limits, and the windows they come through.

Late frames. A stream that this side has reset, or ended early, may still get
frames that the peer had on their way: they are counted against the connection's
window and dropped. The newest of such streams are kept in `_reset`, with what may
come on each: as many bytes as its window let through, a few heads, one end. More
than that moves no call, and on any other closed stream a frame is the peer's fault.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import MessageReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.framing import DATA_AND_PREFIX_BYTES, PREFIX_BYTES, BadPrefix, TooLarge
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Idle
from rpcfw_grpc.http2.frames import END_STREAM, FRAME_HEAD, FRAME_HEAD_BYTES, ErrorCode, StreamFault
from rpcfw_grpc.http2.settings import FRAME_BYTES
from rpcfw_grpc.send_half import Sending
from rpcfw_grpc.streams import Step, Stream

__all__ = ["GRPCMachine"]

E = TypeVar("E")

#: Messages of the largest size that may be unfinished at once on a connection.
_UNFINISHED_MESSAGES = 16
#: What an unread message takes beside its bytes: else a peer's tiny messages would take
#: twenty times what they are counted as.
_MESSAGE_BYTES = 128
#: Heads that may come late on a stream: the answer's, and some that say "not yet".
_LATE_HEADS = 8


class GRPCMachine(Sending[E]):
    """
    What both sides do with the streams of their calls.
    """

    def __init__(self, limits: Limits, *, server: bool) -> None:
        super().__init__(limits, server=server)
        self._late_head = 1 + limits.stream_window_bytes // _LATE_HEADS
        self._most_unread = max(
            limits.max_unread_bytes, _UNFINISHED_MESSAGES * limits.max_receive_bytes
        )

    # What the sides add.

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

    @abstractmethod
    def _whole(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take a head that all else of its call may follow at once, as one event.

        Args:
            start: where its block begins.
            stop: where its block ends, and a DATA frame's head with a prefix may stand.

        Returns:
            Where the next frame begins, or 0 if this is no such head.
        """

    # Reading.

    def _read_frames(self, data: bytes, at: int) -> int:
        end = len(data)
        unpack = FRAME_HEAD.unpack_from
        while end - at >= FRAME_HEAD_BYTES:
            high, low, kind, flags, stream_id = unpack(data, at)
            if kind == frames.HEADERS and flags == frames.END_HEADERS:
                start = at + FRAME_HEAD_BYTES
                stop = start + (high << 8 | low)
                if stop + DATA_AND_PREFIX_BYTES <= end:
                    after = self._whole(data, start, stop, stream_id)
                    if after:
                        at = after
                        continue
            elif kind == frames.WINDOW_UPDATE and not stream_id and self._more_room(data, at):
                at += frames.WINDOW_UPDATE_BYTES
                continue
            elif not kind | flags and self._part(data, at):
                at += FRAME_HEAD_BYTES + (high << 8 | low)
                continue
            after = self._frame(data, at)
            if after < 0:
                return at
            at = after
        self._need = FRAME_HEAD_BYTES
        return at

    def _on_body(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._take(size)
        body = frames.strip_padding(flags, payload)
        stream = self._stream(stream_id)
        if stream is None:
            self._late(stream_id, "DATA", size, ended=bool(flags & END_STREAM))
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

    def _part(self, data: bytes, at: int) -> bool:
        """
        Take the DATA frame at ``at`` if it lies within an unfinished message.

        A message of a mebibyte comes in 64 frames, of which all but two are such.
        Returns False, and has done nothing, if the frame needs a closer look.
        """
        high, low, _, _, stream_id = FRAME_HEAD.unpack_from(data, at)
        size = high << 8 | low
        start = at + FRAME_HEAD_BYTES
        stream = self._calls.get(stream_id)
        if type(stream) is not Stream or stream.done or not stream.may_receive:
            return False
        reader, inbound, shared = stream.reader, stream.inbound, self._inbound
        if (
            not size < reader.whole - reader.partial
            or not 0 < size <= FRAME_BYTES
            or start + size > len(data)
            or size > inbound.left
            or size > shared.left
            or stream.length >= 0
            or self._block is not None
            or self._partial + size > self._most_unread
        ):
            return False
        self._progress += 1
        self._partial += size
        reader.keep(data[start : start + size])
        inbound.left -= size
        increment = inbound.free_early(reader.partial, reader.whole)
        if increment:
            self._out.append(frames.window_update(stream_id, increment))
        shared.left -= size
        shared.owed += size
        self._return_connection()
        return True

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
        self._return_connection()

    def _return_connection(self) -> None:
        inbound = self._inbound
        if inbound.owed * 2 >= inbound.size and self._unread <= self._most_unread:
            self._out.append(frames.window_update(0, inbound.free(0)))

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
            # Not the cost: of a large message most was given back as it came.
            held = len(message) + _MESSAGE_BYTES
            stream.unread += cost
            stream.held += held
            self._unread += held
            event = MessageReceived(stream.id, message, stream.encoding if flag else "", cost)
            if stream.messages == 1:
                stream.message = event
                stream.message_at = len(self._events)
            self._events.append(event)
        if self._unread > 2 * self._most_unread:
            text = f"over {2 * self._most_unread} bytes of unread messages on one connection"
            self._give_up(stream, Status.RESOURCE_EXHAUSTED, text)
            return False
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

    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        stream = self._calls.get(call_id)
        if type(stream) is not Stream:
            return
        cost = min(cost, stream.unread)
        held = min(max(size, cost) + _MESSAGE_BYTES, stream.held)
        stream.unread -= cost
        stream.held -= held
        self._unread -= held
        if stream.may_receive:
            self._return(stream, cost)
        self._return_connection()

    def _late(self, stream_id: int, what: str, cost: int, *, ended: bool) -> None:
        """
        Judge a frame for a stream that is no more.

        Args:
            cost: of what may come late on a stream.
        """
        left = self._reset.get(stream_id)
        if left is not None:
            if ended:
                del self._reset[stream_id]
            elif 0 < cost <= left:
                self._reset[stream_id] = left - cost
            else:
                self._guards.idle(Idle.OTHER, self._progress)
            return
        self._check_reached(stream_id, what)
        raise StreamFault(
            stream_id, f"{what} on stream {stream_id}, which is closed", ErrorCode.STREAM_CLOSED
        )

    def _take_back(self, stream: Stream) -> MessageReceived | None:
        """
        Withdraw a call's first message: it becomes part of a larger event.
        """
        message = stream.message
        if message is not None:
            self._withdraw(stream.message_at)
            self._unread -= stream.held
            stream.unread = stream.held = 0
        return message
