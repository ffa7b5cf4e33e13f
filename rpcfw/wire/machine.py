"""
What both ends of the native protocol do with calls (``docs/wire.md``).

Theory of operation. A call is in `_calls` from the frame that opens it to the frame that ends
it. Its value is None while it is a whole unary request that waits for its response: that is
all the state of a unary call. Otherwise it is a `StreamState`. Ids grow. So an id that is not
in `_calls` either belongs to a call that is over, and its late frames are dropped; or it is
higher than any so far, which breaks the rules. A call that this side has ended while messages
of it wait for the peer's window stays in `_calls`, marked as over.
"""

from __future__ import annotations

from abc import abstractmethod
from struct import Struct

from rpcfw.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import CallCancelled, Event, MessageReceived, StreamWritable
from rpcfw.wire.connection import GENERAL, Connection, Receive
from rpcfw.wire.fields import Key, encoding_field, encoding_of, line, parse, text_field
from rpcfw.wire.frames import COMPRESSED, Kind, pack_fixed, word
from rpcfw.wire.streams import MESSAGE_COST, StreamState

__all__ = ["SHARED", "NativeMachine"]

_MESSAGE = word(Kind.MESSAGE)
#: What an unread message takes in memory beside its cost in credit.
_MESSAGE_BYTES = 112
_U32 = Struct(">I").pack


class NativeMachine(Connection):
    """
    A connection with its calls.
    """

    # What the driver asks for.

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        self._check_size(len(body))
        stream = self._sending(call_id)
        if stream is None:
            return False  # the event that reports its end was not acted on yet
        header = encoding_field(encoding) if encoding else b""
        flags = COMPRESSED if encoding else 0
        fixed = pack_fixed(_MESSAGE, flags, 0, len(header), len(body), call_id)
        return stream.queue_frame(fixed + header + body, len(body) + MESSAGE_COST, self._out)

    def cancel(self, call_id: int, reason: str = "") -> None:
        if not self._is_over(call_id):
            self._forget(call_id)
            self._late_ends += 1
            self._put(Kind.CANCEL, call_id, text_field(reason) if reason else b"")

    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        stream = self._calls.get(call_id)
        if stream is not None:
            taken = min(cost + _MESSAGE_BYTES, stream.unread)
            stream.unread -= taken
            self._unread -= taken
            amount = stream.consumed(cost)
            if amount:
                self._put(Kind.CREDIT, call_id, b"", _U32(amount))

    @property
    def unread_bytes(self) -> int:
        return self._unread

    def unread_calls(self) -> list[tuple[int, int]]:
        return [
            (stream.unread, call_id)
            for call_id, stream in self._calls.items()
            if stream is not None and stream.unread
        ]

    def _sending(self, call_id: int) -> StreamState | None:
        """
        Return the state of a call on which this side sends messages; None if it is over.
        """
        if self._is_over(call_id):
            return None
        return self._calls[call_id] or self._begin_sending(call_id)

    @abstractmethod
    def _begin_sending(self, call_id: int) -> StreamState:
        """
        Return new state for a call that was a whole unary request so far.

        Raises:
            LocalProtocolError: this side may send nothing more.
        """

    def _is_over(self, call_id: int) -> bool:
        """
        Return whether a call that this side uses is over.

        Raises:
            LocalProtocolError: there never was such a call.
        """
        if call_id in self._calls:
            stream = self._calls[call_id]
            return stream is not None and stream.over
        if call_id > self._last_id or not call_id & 1:
            raise LocalProtocolError(f"call {call_id} was never opened")
        return True

    def _forget(self, call_id: int) -> None:
        """
        Remove a call that this side ends; messages of it may still be on their way.
        """
        stream = self._calls.pop(call_id)
        if stream is not None:
            self._release(stream)
            if not stream.peer_ended:
                self._late_bytes += max(stream.receive_credit, 0)

    def _release(self, stream: StreamState) -> None:
        """
        Count no longer what nobody will read.
        """
        self._unread -= stream.unread
        stream.unread = 0

    def _check_size(self, size: int) -> None:
        if size > self._max_send_bytes:
            limit = self._max_send_bytes
            raise MessageTooLarge(f"{size} bytes to send, over max_send_bytes of {limit} bytes")
        peer = self._peer
        if peer is not None and size > peer.max_body_bytes:
            limit = peer.max_body_bytes
            raise MessageTooLarge(
                f"{size} bytes to send, over the peer's max_receive_bytes of {limit} bytes"
            )

    def _new_stream(self) -> StreamState:
        assert self._peer is not None
        window = self._hello.window_bytes
        return StreamState(self._peer.window_bytes, window, window)

    # What the peer sends.

    def _is_open(self, call_id: int, cost: int = 0) -> bool:
        """
        Return whether a frame's call is open. If not, the call is over and the frame is late.

        Args:
            cost: of a message. Its sender may have had a window for it.

        Raises:
            RemoteProtocolError: no such call was ever opened, or too many late frames arrived.
        """
        if call_id in self._calls:
            return True
        self._check_greeted()
        if call_id > self._last_id or not call_id & 1:
            raise RemoteProtocolError(f"a frame for call {call_id}, which was never opened")
        if 0 < cost <= self._late_bytes:
            self._late_bytes -= cost
        elif not cost and self._late_ends:
            # A peer that was paused ends all calls that were cancelled in the meantime.
            self._late_ends -= 1
        else:
            self._idle()
        return False

    def _receive_message(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        cost = len(body) + MESSAGE_COST
        if not self._is_open(call_id, cost):
            return
        stream = self._incoming(call_id)
        stream.received(cost)
        self._abuse.progress += 1
        encoding = encoding_of(parse(header)[0], flags) if header or flags & COMPRESSED else ""
        if stream.over:
            return
        stream.unread += cost + _MESSAGE_BYTES
        self._unread += cost + _MESSAGE_BYTES
        if self._unread > self._max_unread_bytes:
            limit = self._max_unread_bytes
            reason = f"unread messages of one connection: over max_unread_bytes of {limit} bytes"
            self._refuse_oversize(Kind.MESSAGE, flags, call_id, reason, events)
        else:
            events.append(MessageReceived(call_id, body, encoding, cost))

    @abstractmethod
    def _incoming(self, call_id: int) -> StreamState:
        """
        Return the state of an open call for which a message arrived.
        """

    def _receive_cancel(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not self._is_open(call_id):
            return
        reason = line(parse(header)[0], Key.TEXT)
        stream = self._calls.pop(call_id)
        if stream is not None:
            self._release(stream)
        if stream is None or not stream.over:
            events.append(CallCancelled(call_id, reason))

    def _receive_credit(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if len(body) != 4:
            raise RemoteProtocolError(f"a CREDIT of {len(body)} bytes, expected 4")
        if not self._is_open(call_id):
            return
        stream = self._calls[call_id]
        if stream is None:
            self._idle()  # a unary call has no window
            return
        if stream.send_credit == stream.granted_credit:
            self._idle()  # nothing was sent since the last one
        writable = stream.granted(int.from_bytes(body, "big"), self._out)
        stream.granted_credit = stream.send_credit
        if not stream.over:
            if writable:
                events.append(StreamWritable(call_id))
        elif not stream.queue:
            self._forget(call_id)


#: The kinds of frames that both ends receive in the same way.
SHARED: dict[int, Receive] = {
    **GENERAL,
    Kind.MESSAGE: NativeMachine._receive_message,
    Kind.CANCEL: NativeMachine._receive_cancel,
    Kind.CREDIT: NativeMachine._receive_credit,
}
