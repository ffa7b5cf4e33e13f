"""
DATA in, messages out: their limits, their memory, and the events that report them.

Theory of operation. One batch of events is made of the bytes that are read together. A message
is an event of its own, unless its call began and ended in the same batch: then they become one
event (`take_back`), as if all had come in one piece.

Memory. Bytes of messages that are not whole, and messages that the application has not taken,
are counted for all calls together. Too many unfinished bytes end the call that brought the
last. Too many unread ones hold the connection's window back, and twice as many end the call.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rpcfw.spi.events import Event, MessageReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.calls import GRPCCall
from rpcfw_grpc.http2.arriving import Arriving
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.settings import FRAME_BYTES
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.message_framing import PREFIX, PREFIX_BYTES, BadFraming, TooLarge

__all__ = ["CallFault", "MessageAssembler", "max_unread_bytes", "max_whole_bytes"]

K = TypeVar("K", bound=GRPCCall)

#: Messages of the largest size that may be unfinished at once on a connection.
_UNFINISHED_MESSAGES = 16
#: What an unread message takes beside its bytes: else a peer's tiny messages would take
#: twenty times what they are counted as.
_MESSAGE_BYTES = 128


class CallFault(Exception):
    """
    What came ends its call, not its connection: the status to end it with, and why.
    """

    def __init__(self, status: Status, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def max_unread_bytes(limits: Limits) -> int:
    """
    Return how many bytes may lie unread, or unfinished, on one connection.
    """
    return max(limits.max_unread_bytes, _UNFINISHED_MESSAGES * limits.max_receive_bytes)


def max_whole_bytes(limits: Limits) -> int:
    """
    Return the size of the largest message that fits in one frame and any window of a stream.
    """
    frame = min(FRAME_BYTES, limits.stream_window_bytes)
    return min(limits.max_receive_bytes, frame - PREFIX_BYTES)


class MessageAssembler:
    """
    The messages that come on one connection.

    Args:
        limits: what this side takes.
        connection: where they come.

    Attributes:
        events: the batch that is being made.
        batch: its number.
        partial: bytes of messages that are not all here.
        withdrawn: events were taken back from the batch; `end_batch` is due.
    """

    def __init__(self, limits: Limits, connection: Connection[Any, Any]) -> None:
        self._limits = limits
        self._max_unread = max_unread_bytes(limits)
        self._max_whole = max_whole_bytes(limits)
        self._activity = connection.activity
        self._open = connection.streams.open
        self._flow = connection.streams.flow
        self.events: list[Event] = []
        self.batch = 0
        self.partial = 0
        self.withdrawn = False

    # Batches.

    def begin_batch(self) -> list[Event]:
        """
        Return the list that takes the events of what is read next.
        """
        self.batch += 1
        self.events = []
        return self.events

    def end_batch(self) -> None:
        """
        Close the gaps that withdrawn events have left.

        A gap stays until all was read: to close it at once would cost time for each other
        call that came with it.
        """
        self.withdrawn = False
        self.events[:] = list(filter(None, self.events))

    def withdraw(self, place: int) -> None:
        """
        Take an event of this batch back.
        """
        self.events[place] = None  # type: ignore[call-overload]  # gone before anyone looks
        self.withdrawn = True

    def take_back(self, call: GRPCCall) -> MessageReceived | None:
        """
        Withdraw a call's first message: it becomes part of a larger event.
        """
        message = call.message
        if message is not None:
            self.withdraw(call.message_at)
            self.release(call)
        return message

    # Messages.

    def read(self, stream: Stream[K], data: bytes) -> None:
        """
        Hand out what messages are whole now.

        Raises:
            CallFault: what came is no message, or too large; the call cannot go on.
        """
        call = stream.call
        reader = call.reader
        before = reader.partial
        try:
            messages = reader.feed(data)
        except TooLarge as error:
            limit = self._limits.max_receive_bytes
            text = f"a message of {error.size} bytes came; max_receive_bytes = {limit}"
            raise CallFault(Status.RESOURCE_EXHAUSTED, text) from None
        except BadFraming as error:
            raise CallFault(Status.INTERNAL, str(error)) from None
        finally:
            # A fault, too, may come behind a message that has become whole.
            self.partial += reader.partial - before
        for flag, message in messages:
            if flag and not call.encoding:
                text = "a message is marked as compressed, but grpc-encoding names nothing"
                raise CallFault(Status.INTERNAL, text)
            self._hand_out(stream, message, call.encoding if flag else "")
        if self._flow.unread > 2 * self._max_unread:
            text = f"over {2 * self._max_unread} bytes of unread messages on one connection"
            raise CallFault(Status.RESOURCE_EXHAUSTED, text)
        if reader.partial:
            self._wait_for_rest(stream)

    def _hand_out(self, stream: Stream[K], message: bytes, encoding: str) -> None:
        call = stream.call
        cost = stream.receive_window.cost(len(message) + PREFIX_BYTES)
        call.messages += 1
        # Not the cost: of a large message most was given back as it came.
        held = len(message) + _MESSAGE_BYTES
        call.unread += cost
        call.held += held
        self._flow.unread += held
        event = MessageReceived(stream.id, message, encoding, cost)
        if call.messages == 1:
            call.message = event
            call.message_at = len(self.events)
        self.events.append(event)

    def _wait_for_rest(self, stream: Stream[K]) -> None:
        if self.partial > self._max_unread:
            text = f"over {self._max_unread} bytes of unfinished messages on one connection"
            raise CallFault(Status.RESOURCE_EXHAUSTED, text)
        reader = stream.call.reader
        increment = stream.receive_window.acknowledge_early(reader.partial, reader.whole)
        self._flow.update_stream(stream.id, increment)

    def take_whole(self, arriving: Arriving[Any], data: bytes, start: int, stop: int) -> bool:
        """
        Keep a DATA frame that is the first of its stream and holds one whole message.

        The message is not compressed, and the limit and the connection's window allow it. Returns
        False, and has done nothing, for any other.
        """
        length = stop - start
        window = self._flow.window
        if arriving.data or length < PREFIX_BYTES or length > window.left:
            return False
        flag, size = PREFIX.unpack_from(data, start)
        if flag or size + PREFIX_BYTES != length or size > self._max_whole:
            return False
        arriving.data = data[start:stop]
        self._activity.progress += 1
        window.left -= length
        window.unacknowledged += length
        if window.unacknowledged * 2 >= window.size:
            self._flow.acknowledge_connection()
        return True

    def fast_data(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take a DATA frame if it is the first of a stream, or lies within an unfinished message.

        A message of a mebibyte comes in 64 frames, of which all but two are such: the frame
        is whole, without padding or END_STREAM, neither empty nor the end of its message;
        its stream is open, wanted, and has no ``content-length`` to count down; both windows
        and the memory allow it.

        Returns:
            ``stop``, or 0 for any other, and nothing was done.
        """
        stream = self._open.get(stream_id)
        if type(stream) is Arriving:
            return stop if self.take_whole(stream, data, start, stop) else 0
        if type(stream) is not Stream or stream.app_closed or not stream.may_receive:
            return 0
        size = stop - start
        flow, reader, window = self._flow, stream.call.reader, stream.receive_window
        shared = flow.window
        if (
            not size < reader.whole - reader.partial
            or not size
            or size > window.left
            or size > shared.left
            or stream.content_length >= 0
            or self.partial + size > self._max_unread
        ):
            return 0
        self._activity.progress += 1
        self.partial += size
        reader.keep(memoryview(data)[start:stop])
        window.left -= size
        increment = window.acknowledge_early(reader.partial, reader.whole)
        if increment:
            flow.update_stream(stream_id, increment)
        shared.left -= size
        shared.unacknowledged += size
        flow.acknowledge_connection()
        return stop

    # What becomes of them.

    def consumed(self, stream_id: int, cost: int, size: int) -> None:
        """
        Note that the application has taken a message of this cost and size.
        """
        stream = self._open.get(stream_id)
        if type(stream) is not Stream:
            return
        call = stream.call
        cost = min(cost, call.unread)
        held = min(max(size, cost) + _MESSAGE_BYTES, call.held)
        call.unread -= cost
        call.held -= held
        self._flow.unread -= held
        if stream.may_receive:
            self._flow.acknowledge(stream_id, stream.receive_window, cost)
        self._flow.acknowledge_connection()

    def forget(self, call: GRPCCall) -> None:
        """
        Drop and count no more what has come of a call: nobody will read it.
        """
        self.partial -= call.reader.partial
        call.reader.clear()
        self.release(call)

    def release(self, call: GRPCCall) -> None:
        """
        Count a call's unread messages no more: nobody will read them.
        """
        if call.held:
            self._flow.unread -= call.held
            call.held = call.unread = 0
            # They may have been too many, so that the peer had to wait on all its streams.
            self._flow.acknowledge_connection()

    def unread_calls(self) -> list[tuple[int, int]]:
        """
        Return (bytes held, stream) of each call that has unread messages.
        """
        return [
            (stream.call.held, stream.id)
            for stream in self._open.values()
            if type(stream) is Stream and stream.call.held
        ]

    def clear(self) -> None:
        """
        Count nothing more: the connection is closed.
        """
        self.partial = 0
