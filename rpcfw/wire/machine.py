"""
What both sides of the native protocol share (``docs/wire.md``).

Theory of operation. A connection is *greeting* until the peer's HELLO, then *open*,
and *failed* once either side broke the rules; from then on nothing is read. A call
is in `_calls` from the frame that opens it to the frame that ends it: with None as
long as it is a whole unary request that awaits its answer, which is all the state
that a unary call has, else with a `StreamState`. Ids grow, so an id that is not in
`_calls` is either of a call that is over, whose stragglers are dropped, or higher
than any seen, which is a broken rule.

What each kind of frame may do stands in the method that `_RECEIVE` names for it, in
`ClientMachine` or `ServerMachine` where the sides differ, and nowhere else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from struct import Struct
from typing import Any, ClassVar

from rpcfw.errors import LocalProtocolError, MessageTooLarge, RemoteProtocolError
from rpcfw.spi.events import (
    CallCancelled,
    ConnectionFailed,
    Event,
    MessageReceived,
    PeerLeaving,
    PingAnswered,
    RoomMade,
)
from rpcfw.spi.protocol import Limits, Machine
from rpcfw.wire.fields import Key, pack_field, parse, text
from rpcfw.wire.frames import (
    COMPRESSED,
    FIXED_BYTES,
    MAGIC,
    VERSION,
    Kind,
    pack_fixed,
    unpack_fixed,
    word,
)
from rpcfw.wire.guards import Guards
from rpcfw.wire.hello import Hello
from rpcfw.wire.inbox import Inbox
from rpcfw.wire.streams import MESSAGE_COST, StreamState

__all__ = ["NativeMachine", "Receive", "encoding_field", "text_field"]

_MAGIC_AND_VERSION = MAGIC << 8 | VERSION
_MESSAGE = word(Kind.MESSAGE)
_U32 = Struct(">I").pack
_MOST_TEXT_BYTES = 1024
_MOST_PING_BYTES = 64

#: (machine, flags, codec, call id, header, body, events to add to)
Receive = Callable[[Any, int, int, int, bytes, bytes, list[Event]], None]


class NativeMachine(Machine):
    """
    See `rpcfw.spi.protocol.Machine` for the contract.

    Args:
        limits: what this side takes.
        accepts: compressions that this side can undo.
        application: name of this side's application.
    """

    _RECEIVE: ClassVar[dict[int, Receive]] = {}

    def __init__(self, limits: Limits, accepts: tuple[str, ...], application: str) -> None:
        self._hello = Hello(
            max_body_bytes=limits.max_receive_bytes,
            max_header_bytes=min(limits.max_header_bytes, 0xFFFF),
            window_bytes=limits.stream_window_bytes,
            max_calls=limits.max_calls,
            accepts=accepts,
            application=application,
        )
        self._peer: Hello | None = None
        self._max_send_bytes = limits.max_send_bytes
        self._inbox = Inbox()
        self._out: list[bytes] = []
        self._calls: dict[int, StreamState | None] = {}
        self._last_id = -1
        self._guards = Guards(limits)
        self._leaving = False
        self._failed = False

    # Output.

    def take_output(self) -> bytes:
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        self._check_size(len(body))
        stream = self._stream(call_id)
        if stream is None:
            return True
        header = encoding_field(encoding) if encoding else b""
        flags = COMPRESSED if encoding else 0
        fixed = pack_fixed(_MESSAGE, flags, 0, len(header), len(body), call_id)
        return stream.queue_frame(fixed + header + body, len(body) + MESSAGE_COST, self._out)

    def cancel(self, call_id: int, reason: str = "") -> None:
        if self._is_over(call_id):
            return
        del self._calls[call_id]
        self._put(Kind.CANCEL, call_id, text_field(reason) if reason else b"")

    def consumed(self, call_id: int, cost: int) -> None:
        stream = self._calls.get(call_id)
        if stream is not None:
            amount = stream.consumed(cost)
            if amount:
                self._put(Kind.CREDIT, call_id, b"", _U32(amount))

    def ping(self) -> None:
        self._put(Kind.PING, 0, b"", b"alive?")

    def leave(self, reason: str) -> None:
        if not self._leaving:
            self._leaving = True
            self._put(Kind.LEAVING, max(self._last_id, 0), text_field(reason))

    def fail(self, reason: str) -> None:
        if not self._failed:
            self._failed = True
            self._put(Kind.FAILED, 0, text_field(reason))

    # Input.

    def receive(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._failed:
            return events
        data = self._inbox.add(data)
        if not data:
            return events
        try:
            self._read(data, events)
        except RemoteProtocolError as error:
            self.fail(error.reason)
            events.append(ConnectionFailed(error.reason))
        return events

    def _read(self, data: bytes, events: list[Event]) -> None:
        offset, size = 0, len(data)
        most_body, most_header = self._hello.max_body_bytes, self._hello.max_header_bytes
        receive_by_kind = self._RECEIVE
        while size - offset >= FIXED_BYTES:
            first, flags, codec, header_bytes, body_bytes, call_id = unpack_fixed(data, offset)
            if first >> 8 != _MAGIC_AND_VERSION:
                raise RemoteProtocolError(
                    f"a frame begins with {first:08x}, expected {_MAGIC_AND_VERSION:06x}"
                )
            start = offset + FIXED_BYTES
            middle = start + header_bytes
            end = middle + body_bytes
            if body_bytes > most_body or header_bytes > most_header:
                self._too_long(first & 0xFF, call_id, header_bytes, body_bytes, events)
                if end > size:
                    self._inbox.skip(end - size)
                    return
            elif end > size:
                self._inbox.keep(data[offset:], end - offset)
                return
            else:
                receive = receive_by_kind.get(first & 0xFF)
                if receive is None:
                    self._check_optional(first & 0xFF)
                else:
                    header, body = data[start:middle], data[middle:end]
                    receive(self, flags, codec, call_id, header, body, events)
            offset = end
        if offset < size:
            self._inbox.keep(data[offset:], FIXED_BYTES)

    def _too_long(
        self, kind: int, call_id: int, header_bytes: int, body_bytes: int, events: list[Event]
    ) -> None:
        """
        The length can be trusted, so only this call fails; its bytes are skipped.
        """
        if body_bytes > self._hello.max_body_bytes:
            name, limit, size = "max_receive_bytes", self._hello.max_body_bytes, body_bytes
        else:
            name, limit, size = "max_header_bytes", self._hello.max_header_bytes, header_bytes
        reason = f"{size} bytes were sent, over the receiver's {name} of {limit} bytes"
        if kind in (Kind.REQUEST, Kind.RESPONSE, Kind.MESSAGE, Kind.END):
            self._refuse_oversize(kind, call_id, reason, events)
        elif kind < Kind.FIRST_OPTIONAL:
            raise RemoteProtocolError(f"a frame of kind {kind}: {reason}")

    @abstractmethod
    def _refuse_oversize(self, kind: int, call_id: int, reason: str, events: list[Event]) -> None:
        """
        End the call that an oversize frame belongs to.
        """

    def _check_optional(self, kind: int) -> None:
        if kind < Kind.FIRST_OPTIONAL:
            raise RemoteProtocolError(f"frame kind {kind} is not known here and not optional")

    def _is_open(self, call_id: int) -> bool:
        """
        Tell whether a frame's call is open; False if it is over and the frame late.

        Raises:
            RemoteProtocolError: no such call was ever opened.
        """
        if self._peer is None:
            raise RemoteProtocolError("the first frame is not HELLO")
        if call_id in self._calls:
            return True
        if call_id > self._last_id or not call_id & 1:
            raise RemoteProtocolError(f"a frame for call {call_id}, which was never opened")
        return False

    def _receive_message(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not self._is_open(call_id):
            return
        stream = self._incoming(call_id)
        cost = len(body) + MESSAGE_COST
        stream.received(cost)
        self._guards.served()
        if not stream.over:
            encoding = text(parse(header)[0], Key.ENCODING) if flags & COMPRESSED else ""
            events.append(MessageReceived(call_id, body, encoding, cost))

    @abstractmethod
    def _incoming(self, call_id: int) -> StreamState:
        """
        Return the state of an open call that a message came for.
        """

    def _receive_cancel(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not self._is_open(call_id):
            return
        stream = self._calls.pop(call_id)
        if stream is None or not stream.over:
            events.append(CallCancelled(call_id, text(parse(header)[0], Key.TEXT)))

    def _receive_credit(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if len(body) != 4:
            raise RemoteProtocolError(f"a CREDIT of {len(body)} bytes, expected 4")
        stream = self._calls.get(call_id) if self._is_open(call_id) else None
        if stream is None:
            return
        room = stream.granted(int.from_bytes(body, "big"), self._out)
        if not stream.over:
            if room:
                events.append(RoomMade(call_id))
        elif not stream.queue:
            del self._calls[call_id]

    def _receive_ping(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if len(body) > _MOST_PING_BYTES:
            raise RemoteProtocolError(f"a PING of {len(body)} bytes, at most 64 are taken")
        self._guards.pinged()
        self._put(Kind.PONG, 0, b"", body)

    def _receive_pong(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        events.append(PingAnswered())

    def _receive_leaving(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        # Calls above the last one taken are refused one by one, so none is lost here.
        events.append(PeerLeaving(text(parse(header)[0], Key.TEXT)))

    def _receive_failed(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        self._failed = True
        events.append(ConnectionFailed(text(parse(header)[0], Key.TEXT), by_peer=True))

    # Pieces.

    def _greeted(self, peer: Hello) -> None:
        if self._peer is not None:
            raise RemoteProtocolError("a second HELLO")
        self._peer = peer

    def _new_stream(self) -> StreamState:
        assert self._peer is not None
        window = self._hello.window_bytes
        return StreamState(self._peer.window_bytes, window, window)

    def _stream(self, call_id: int) -> StreamState | None:
        """
        Return the state of a call that this side sends messages of; None if it is over.
        """
        if self._is_over(call_id):
            return None
        stream = self._calls[call_id]
        if stream is None:
            stream = self._calls[call_id] = self._new_stream()
            stream.peer_ended = True
        return None if stream.over else stream

    def _is_over(self, call_id: int) -> bool:
        """
        Tell whether a call that this side asks something for is over.

        Raises:
            LocalProtocolError: there never was such a call.
        """
        if call_id in self._calls:
            return False
        if call_id > self._last_id or not call_id & 1:
            raise LocalProtocolError(f"call {call_id} was never opened")
        return True

    def _check_size(self, size: int) -> None:
        if size > self._max_send_bytes:
            limit = self._max_send_bytes
            raise MessageTooLarge(f"{size} bytes to send, over max_send_bytes of {limit} bytes")
        peer = self._peer
        if peer is not None and size > peer.max_body_bytes:
            limit = peer.max_body_bytes
            raise MessageTooLarge(
                f"{size} bytes to send, over the peer's max_receive_bytes of {limit}"
            )

    def _put(self, kind: int, call_id: int, header: bytes, body: bytes = b"") -> None:
        fixed = pack_fixed(word(kind), 0, 0, len(header), len(body), call_id)
        self._out.append(fixed + header + body)


def text_field(value: str) -> bytes:
    """
    Return text for people as a field, shortened to what anybody would read.
    """
    return pack_field(Key.TEXT, value.encode("utf-8", "replace")[:_MOST_TEXT_BYTES])


def encoding_field(encoding: str) -> bytes:
    """
    Return the name of a compression as a field.
    """
    return pack_field(Key.ENCODING, encoding.encode("ascii"))


#: What both sides take from the other alike.
SHARED: dict[int, Receive] = {
    Kind.MESSAGE: NativeMachine._receive_message,
    Kind.CREDIT: NativeMachine._receive_credit,
    Kind.PING: NativeMachine._receive_ping,
    Kind.PONG: NativeMachine._receive_pong,
    Kind.LEAVING: NativeMachine._receive_leaving,
    Kind.FAILED: NativeMachine._receive_failed,
}
