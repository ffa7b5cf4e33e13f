"""
The native protocol as the side that accepted the connection, and answers, speaks it.
"""

from __future__ import annotations

from struct import Struct
from typing import ClassVar, NoReturn

from rpcfw.errors import LocalProtocolError, RemoteProtocolError
from rpcfw.spi.events import (
    CallCancelled,
    Event,
    Ready,
    RequestHead,
    RequestReceived,
    SideEnded,
)
from rpcfw.spi.protocol import Limits
from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.wire.fields import Key, pack_field, pack_pairs_within
from rpcfw.wire.frames import (
    COMPRESSED,
    END_OF_STREAM,
    NO_MESSAGE,
    ONE_WAY,
    Kind,
    pack_fixed,
    word,
)
from rpcfw.wire.heads import HeadReader
from rpcfw.wire.hello import pack_hello, parse_hello
from rpcfw.wire.machine import SHARED, NativeMachine, Receive, encoding_field, text_field
from rpcfw.wire.streams import StreamState

__all__ = ["ServerMachine"]

_RESPONSE = word(Kind.RESPONSE)
_END = word(Kind.END)
_I32 = Struct(">i").pack


class ServerMachine(NativeMachine):
    """
    The answering side.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...], application: str) -> None:
        super().__init__(limits, accepts, application)
        self._reader = HeadReader("", ())
        self._max_calls = limits.max_calls
        self._opened_now: set[int] = set()

    def start(self) -> None:
        """
        Nothing: the client greets first.
        """

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> NoReturn:
        raise LocalProtocolError("a server does not call")

    def end(self, call_id: int) -> NoReturn:
        raise LocalProtocolError("a server ends a call with a status")

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        if call_id not in self._calls and self._is_over(call_id):
            return
        self._check_size(len(body))
        header, flags = b"", END_OF_STREAM
        if encoding:
            header, flags = encoding_field(encoding), END_OF_STREAM | COMPRESSED
        if metadata.pairs or trailers.pairs:
            header += self._pairs(metadata, trailers, len(header))
        del self._calls[call_id]
        self._guards.served()
        fixed = pack_fixed(_RESPONSE, flags, 0, len(header), len(body), call_id)
        self._out.append(fixed + header + body)

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        stream = self._stream(call_id)
        if stream is None:
            return
        header = self._pairs(metadata, EMPTY, 0)
        frame = pack_fixed(_RESPONSE, 0, 0, len(header), 0, call_id) + header
        stream.queue_frame(frame, 0, self._out)

    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        if self._is_over(call_id):
            return
        frame = self._end_frame(call_id, status, message, details, trailers, hints, retry_after_s)
        self._guards.served()
        stream = self._calls[call_id]
        # A failure overtakes what is queued; a good end stands behind it.
        if stream is None or status is not Status.OK or not stream.queue:
            del self._calls[call_id]
            self._out.append(frame)
        else:
            stream.over = True
            stream.queue_end(frame, self._out)

    def _end_frame(
        self,
        call_id: int,
        status: Status,
        message: str,
        details: bytes,
        trailers: Metadata,
        hints: Hint,
        retry_after_s: float | None,
    ) -> bytes:
        header = pack_field(Key.STATUS, bytes((status,)))
        if message:
            header += text_field(message)
        if hints & WIRE_HINTS:
            header += pack_field(Key.HINTS, bytes((hints & WIRE_HINTS,)))
        if retry_after_s is not None:
            after_ms = max(-1, min(int(retry_after_s * 1000), 2**31 - 1))
            header += pack_field(Key.RETRY_AFTER, _I32(after_ms))
        header += self._pairs(EMPTY, trailers, len(header))
        if self._peer is not None and len(details) > self._peer.max_body_bytes:
            details = b""
        return pack_fixed(_END, 0, 0, len(header), len(details), call_id) + header + details

    def _pairs(self, metadata: Metadata, trailers: Metadata, used_bytes: int) -> bytes:
        assert self._peer is not None
        room = self._peer.max_header_bytes - used_bytes
        first = pack_pairs_within(Key.METADATA, metadata, room)
        return first + pack_pairs_within(Key.TRAILER, trailers, room - len(first))

    def receive(self, data: bytes) -> list[Event]:
        self._opened_now.clear()
        return super().receive(data)

    def _incoming(self, call_id: int) -> StreamState:
        stream = self._calls[call_id]
        if stream is None:
            raise RemoteProtocolError("a message after the end of the client's side")
        return stream

    def _refuse_oversize(self, kind: int, call_id: int, reason: str, events: list[Event]) -> None:
        if kind == Kind.REQUEST:
            # A path that it gave a number to is lost with it; a client keeps heads
            # below the limit that this side has told it.
            self._open(call_id)
            self._calls[call_id] = None
            self.finish(call_id, Status.RESOURCE_EXHAUSTED, reason, hints=Hint.NOT_BEGUN)
        elif self._is_open(call_id):
            self.cancel(call_id, reason)
            events.append(CallCancelled(call_id, reason))

    def _open(self, call_id: int) -> None:
        if self._peer is None:
            raise RemoteProtocolError("the first frame is not HELLO")
        if call_id <= self._last_id or not call_id & 1:
            raise RemoteProtocolError(
                f"call id {call_id} after {self._last_id}; ids are odd and grow"
            )
        self._last_id = call_id

    def _receive_hello(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        peer = parse_hello(header)
        self._greeted(peer)
        self._reader = HeadReader(peer.application, peer.accepts)
        self._out.append(pack_hello(self._hello))
        events.append(Ready(peer.accepts))

    def _receive_request(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        self._open(call_id)
        head, encoding = self._reader.read(header, codec, flags)
        ended = flags & END_OF_STREAM
        if not flags & ONE_WAY:
            self._calls[call_id] = None if ended else self._new_stream()
            self._opened_now.add(call_id)
            if len(self._calls) > self._max_calls:
                reason = f"more calls are open than max_calls of {self._max_calls}"
                self.finish(call_id, Status.RESOURCE_EXHAUSTED, reason, hints=Hint.NOT_BEGUN)
                return
            if self._leaving:
                reason = "the server is leaving and takes no new calls"
                self.finish(call_id, Status.UNAVAILABLE, reason, hints=Hint.NOT_BEGUN)
                return
        message = None if flags & NO_MESSAGE else body
        events.append(RequestReceived(call_id, head, message, encoding, bool(ended)))

    def _receive_end(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not self._is_open(call_id):
            return
        stream = self._incoming(call_id)
        if stream.peer_ended:
            raise RemoteProtocolError("a second END from a client")
        stream.peer_ended = True
        if not stream.over:
            events.append(SideEnded(call_id))

    def _receive_cancel(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if call_id in self._opened_now:
            self._guards.reset_at_once()
        super()._receive_cancel(flags, codec, call_id, header, body, events)

    _RECEIVE: ClassVar[dict[int, Receive]] = {
        **SHARED,
        Kind.HELLO: _receive_hello,
        Kind.REQUEST: _receive_request,
        Kind.END: _receive_end,
        Kind.CANCEL: _receive_cancel,
    }
