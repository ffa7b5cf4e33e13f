"""
What concerns no single call: frames, HELLO, pings, GOAWAY, FAILED (``docs/wire.md``).

Theory of operation. A connection is in its *handshake* until the peer's HELLO, then *open*, and
*failed* once either side broke the rules. From then on nothing is read, every call is
forgotten, and nothing is sent. A GOAWAY that is asked for before this side's own HELLO (of a
server that drains when a client has just connected) waits for the HELLO.

What each kind of frame does is in the method that `_RECEIVE` has for it, and nowhere else. The
kinds that concern calls are in `machine`, `client` and `server`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import inf
from typing import Any, ClassVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.abuse import FREE_IN_BATCH, AbuseDetector
from rpcfw.spi.events import (
    ConnectionFailed,
    Event,
    GoAwayReceived,
    HandshakeCompleted,
    PingAnswered,
)
from rpcfw.spi.machine import Limits, Machine
from rpcfw.spi.runtime.frame_buffer import FrameBuffer
from rpcfw.wire.fields import Key, line, parse, text_field
from rpcfw.wire.frames import FIXED_BYTES, MAGIC, VERSION, Kind, pack_fixed, unpack_fixed, word
from rpcfw.wire.hello import Hello, own_hello, pack_hello, parse_hello
from rpcfw.wire.streams import StreamState

__all__ = ["GENERAL", "Connection", "Receive"]

_MAGIC_AND_VERSION = MAGIC << 8 | VERSION
_MAX_PING_BYTES = 64

#: (machine, flags, codec, call id, header, body, events to add to)
Receive = Callable[[Any, int, int, int, bytes, bytes, list[Event]], None]


class _PeerFailed(Exception):
    """
    The peer sent FAILED.
    """


class Connection(Machine):
    """
    See `rpcfw.spi.machine.Machine` for the contract.

    Args:
        limits: what this side accepts.
        accepts: compression methods that this side can decompress.
        application: name of this side's application.
    """

    _RECEIVE: ClassVar[dict[int, Receive]] = {}
    #: Once a call has a higher id, `_ids_used_up` is called.
    _MAX_ID: ClassVar[float] = inf

    def __init__(self, limits: Limits, accepts: tuple[str, ...], application: str) -> None:
        self._hello = own_hello(limits, accepts, application)
        self._peer: Hello | None = None
        self._max_send_bytes = limits.max_send_bytes
        self._max_unread_bytes = limits.max_unread_bytes
        self._buffer = FrameBuffer()
        self._out: list[bytes] = []
        self._calls: dict[int, StreamState | None] = {}
        self._last_id = -1
        #: The last call that was opened before the bytes that are being read.
        self._opened_before = -1
        self._abuse = AbuseDetector(limits)
        self._sent_hello = False
        self._draining = False
        self._drain_reason = b""
        self._failed = False
        self._peer_drains = False
        #: Pings that the peer has not answered with a PONG.
        self._unanswered_pings = 0
        #: Bytes of messages that may still arrive for calls that this side has ended.
        self._late_bytes = 0
        #: Calls that this side has cancelled, and whose end the peer may have sent before.
        self._late_ends = 0
        #: What messages take that nobody has read yet.
        self._unread = 0

    @property
    def open_calls(self) -> int:
        return len(self._calls)

    @property
    def newest_call(self) -> int:
        return self._last_id

    @property
    def held_bytes(self) -> int:
        return self._buffer.size + self._unread

    @property
    def unfinished_frame(self) -> int:
        return self._buffer.unfinished

    # Output.

    def take_output(self) -> bytes:
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def ping(self) -> None:
        if self._sent_hello:
            self._unanswered_pings += 1
            self._put(Kind.PING, 0, b"", b"alive?")

    def drain(self, reason: str) -> None:
        if not self._draining:
            self._draining = True
            self._drain_reason = text_field(reason)
            if self._sent_hello:
                self._send_goaway()

    def fail(self, reason: str) -> None:
        if not self._failed:
            self._put(Kind.FAILED, 0, text_field(reason))
            self._break_off()

    def _send_hello(self) -> None:
        self._out.append(pack_hello(self._hello))
        self._sent_hello = True
        if self._draining:
            self._send_goaway()

    def _send_goaway(self) -> None:
        self._put(Kind.GOAWAY, max(self._last_id, 0), self._drain_reason)

    def _break_off(self) -> None:
        self._failed = True
        # Whatever is asked for these calls from now on is dropped.
        self._calls.clear()
        self._unread = 0
        self._buffer = FrameBuffer()

    def _put(self, kind: int, call_id: int, header: bytes, body: bytes = b"") -> None:
        if not self._failed:
            fixed = pack_fixed(word(kind), 0, 0, len(header), len(body), call_id)
            self._out.append(fixed + header + body)

    # Input.

    def receive(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        if self._failed:
            return events
        buffer = self._buffer
        if buffer.size or buffer.to_skip:
            data = buffer.add(data)
            if not data:
                return events
        self._opened_before = self._last_id
        self._abuse.free = FREE_IN_BATCH
        try:
            self._read(data, events)
        except RemoteProtocolError as error:
            self.fail(error.reason)
            events.append(ConnectionFailed(error.reason))
        except _PeerFailed as failed:
            self._break_off()
            events.append(ConnectionFailed(str(failed), by_peer=True))
        if self._last_id > self._MAX_ID:
            self._ids_used_up(events)
        return events

    def _ids_used_up(self, events: list[Event]) -> None:
        """
        Few ids are left for further calls of this side.
        """

    def _read(self, data: bytes, events: list[Event]) -> None:
        offset, size = 0, len(data)
        max_body, max_header = self._hello.max_body_bytes, self._hello.max_header_bytes
        receive_by_kind = self._RECEIVE
        while size - offset >= FIXED_BYTES:
            first, flags, codec, header_bytes, body_bytes, call_id = unpack_fixed(data, offset)
            if first >> 8 != _MAGIC_AND_VERSION:
                raise RemoteProtocolError(self._bad_start(first >> 8))
            start = offset + FIXED_BYTES
            middle = start + header_bytes
            end = middle + body_bytes
            if body_bytes > max_body or header_bytes > max_header:
                self._too_long(first & 0xFF, flags, call_id, header_bytes, body_bytes, events)
                if end > size:
                    self._buffer.skip(end - size)
                    return
            elif end > size:
                self._buffer.keep(data[offset:], end - offset)
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
            self._buffer.keep(data[offset:], FIXED_BYTES)

    def _bad_start(self, begin: int) -> str:
        """
        Return what is wrong with a frame that begins so.
        """
        reason = f"a frame begins with {begin:06x}, expected {_MAGIC_AND_VERSION:06x}"
        unknown = "; the peer may not speak the native protocol" if self._peer is None else ""
        return reason + unknown

    def _too_long(
        self,
        kind: int,
        flags: int,
        call_id: int,
        header_bytes: int,
        body_bytes: int,
        events: list[Event],
    ) -> None:
        """
        Refuse a frame that is over a limit.

        Its length can be trusted, so only this call fails, and the frame's bytes are skipped.
        """
        if body_bytes > self._hello.max_body_bytes:
            name, limit, size = "max_receive_bytes", self._hello.max_body_bytes, body_bytes
        else:
            name, limit, size = "max_header_bytes", self._hello.max_header_bytes, header_bytes
        reason = f"{size} bytes were sent, over the receiver's {name} of {limit} bytes"
        if kind in (Kind.REQUEST, Kind.RESPONSE, Kind.MESSAGE, Kind.END):
            self._refuse_oversize(kind, flags, call_id, reason, events)
        elif kind in self._RECEIVE:
            raise RemoteProtocolError(f"a frame of kind {kind}: {reason}")
        else:
            self._check_optional(kind)

    @abstractmethod
    def _refuse_oversize(
        self, kind: int, flags: int, call_id: int, reason: str, events: list[Event]
    ) -> None:
        """
        End the call that an oversize frame belongs to.
        """

    def _check_optional(self, kind: int) -> None:
        self._check_greeted()
        if kind < Kind.FIRST_OPTIONAL:
            raise RemoteProtocolError(
                f"frame kind {kind}, which this side does not take and may not skip"
            )
        self._idle()

    def _idle(self) -> None:
        """
        Note a frame that advances no call.
        """
        self._abuse.idle(self._last_id)

    def _check_greeted(self) -> None:
        if self._peer is None:
            raise RemoteProtocolError("the first frame is not HELLO")

    def _receive_hello(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if self._peer is not None:
            raise RemoteProtocolError("a second HELLO")
        peer = self._peer = parse_hello(header)
        self._greeted(peer)
        events.append(HandshakeCompleted(peer.accepts))

    def _greeted(self, peer: Hello) -> None:
        """
        The peer's HELLO has arrived.
        """

    def _receive_ping(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        self._check_greeted()
        if len(body) > _MAX_PING_BYTES:
            raise RemoteProtocolError(
                f"a PING of {len(body)} bytes, at most {_MAX_PING_BYTES} are taken"
            )
        self._abuse.pinged()
        self._put(Kind.PONG, 0, self._pong_header(header) if header else b"", body)

    def _pong_header(self, header: bytes) -> bytes:
        """
        Return the header of the answer to a PING that has one.
        """
        return b""

    def _receive_pong(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        self._check_greeted()
        if self._unanswered_pings:
            self._unanswered_pings -= 1
        else:
            self._idle()
        events.append(PingAnswered())
        if header:
            self._receive_load(header, events)

    def _receive_load(self, header: bytes, events: list[Event]) -> None:
        """
        Read what a PONG with a header brings.
        """

    def _receive_goaway(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        self._check_greeted()
        if self._peer_drains:
            self._idle()
            return
        self._peer_drains = True
        # Later calls are refused one by one, so none is refused here.
        events.append(GoAwayReceived(line(parse(header)[0], Key.TEXT)))

    def _receive_failed(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        # Also before HELLO: there may be no common version to send a HELLO in.
        raise _PeerFailed(line(parse(header)[0], Key.TEXT) or "it gave no reason")


#: The kinds of frames that both ends receive in the same way.
GENERAL: dict[int, Receive] = {
    Kind.HELLO: Connection._receive_hello,
    Kind.PING: Connection._receive_ping,
    Kind.PONG: Connection._receive_pong,
    Kind.GOAWAY: Connection._receive_goaway,
    Kind.FAILED: Connection._receive_failed,
}
