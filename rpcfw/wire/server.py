"""
The native protocol at the server's end: it accepts the connection and answers.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import ClassVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import CallCancelled, Event, HalfClosed, RequestReceived
from rpcfw.spi.machine import Limits, ServerSide
from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.wire.connection import Receive
from rpcfw.wire.fields import (
    Key,
    encoding_field,
    pack_field,
    pack_pairs_within,
    parse,
    text_field,
)
from rpcfw.wire.frames import (
    COMPRESSED,
    END_OF_FIXED_BYTES,
    END_OF_STREAM,
    NO_MESSAGE,
    ONE_WAY,
    Kind,
    pack_end_of_fixed,
    pack_fixed,
    word,
)
from rpcfw.wire.headers import HeaderDecoder
from rpcfw.wire.hello import Hello
from rpcfw.wire.load_report import FORMAT, pack_load
from rpcfw.wire.machine import SHARED, NativeMachine
from rpcfw.wire.streams import StreamState

__all__ = ["ServerMachine"]

_RESPONSE = word(Kind.RESPONSE)
#: How a whole response begins that has no header: most do. It saves a quarter of the packing.
_PLAIN_RESPONSE = pack_fixed(_RESPONSE, END_OF_STREAM, 0, 0, 0, 0)[:-END_OF_FIXED_BYTES]
_END = word(Kind.END)
_I32 = Struct(">i").pack
_MAX_AFTER_MS = 2**31 - 1


class ServerMachine(ServerSide, NativeMachine):
    """
    The server's machine.

    Args:
        load: returns this process's load, for a client that asks for it; None: it is not sent.
    """

    def __init__(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        application: str,
        load: Callable[[], LoadReport | None] = lambda: None,
    ) -> None:
        super().__init__(limits, accepts, application)
        self._load = load
        self._reader = HeaderDecoder("", ())
        self._max_calls = limits.max_calls
        self._max_peer_bytes = 0
        # One-way calls that have not ended. Their end is not sent, but they count as open.
        self._one_way: set[int] = set()

    @property
    def open_calls(self) -> int:
        return len(self._calls) + len(self._one_way)

    def start(self) -> None:
        """
        Nothing: the client sends its HELLO first.
        """

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        # A unary call's state is None: one look-up is all that it costs.
        stream = self._calls.get(call_id, self)
        if stream is not None and self._is_over(call_id):
            return
        if len(body) > self._max_send_bytes or len(body) > self._max_peer_bytes:
            self._check_size(len(body))
        header, flags = b"", END_OF_STREAM
        if encoding:
            header, flags = encoding_field(encoding), END_OF_STREAM | COMPRESSED
        if metadata.pairs or trailers.pairs:
            header += self._pairs(metadata, trailers, len(header))
        if stream is None:
            del self._calls[call_id]
        else:
            self._forget(call_id)
        self._abuse.progress += 1
        if header:
            begin = pack_fixed(_RESPONSE, flags, 0, len(header), len(body), call_id) + header
        else:
            begin = _PLAIN_RESPONSE + pack_end_of_fixed(len(body), call_id)
        self._out.append(begin + body)

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        stream = self._sending(call_id)
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
            self._one_way.discard(call_id)
            return
        frame = self._end_frame(call_id, status, message, details, trailers, hints, retry_after_s)
        self._abuse.progress += 1
        stream = self._calls[call_id]
        # A failure overtakes the queued messages; a success follows them.
        if stream is None or status is not Status.OK or not stream.queue:
            self._forget(call_id)
            self._out.append(frame)
        else:
            stream.over = True
            self._release(stream)
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
            after_ms = -1 if retry_after_s < 0 else int(min(retry_after_s * 1000, _MAX_AFTER_MS))
            header += pack_field(Key.RETRY_AFTER, _I32(after_ms))
        header += self._pairs(EMPTY, trailers, len(header))
        if len(details) > self._max_peer_bytes:
            details = b""
        return pack_fixed(_END, 0, 0, len(header), len(details), call_id) + header + details

    def _pairs(self, metadata: Metadata, trailers: Metadata, used_bytes: int) -> bytes:
        assert self._peer is not None
        free_bytes = self._peer.max_header_bytes - used_bytes
        first = pack_pairs_within(Key.METADATA, metadata, free_bytes)
        return first + pack_pairs_within(Key.TRAILER, trailers, free_bytes - len(first))

    def _begin_sending(self, call_id: int) -> StreamState:
        stream = self._calls[call_id] = self._new_stream()
        stream.peer_ended = True
        return stream

    def _incoming(self, call_id: int) -> StreamState:
        stream = self._calls[call_id]
        if stream is None:
            raise RemoteProtocolError("a message after the end of the client's side")
        return stream

    def _refuse_oversize(
        self, kind: int, flags: int, call_id: int, reason: str, events: list[Event]
    ) -> None:
        if kind == Kind.RESPONSE:
            self._check_optional(kind)
        if kind == Kind.REQUEST:
            # If it gave its path a number, that is lost. But a client keeps headers below
            # the limit in this side's HELLO.
            self._open(call_id)
            if not flags & ONE_WAY:
                self._calls[call_id] = None
                hints = Hint.NOT_BEGUN | Hint.FINAL
                self.finish(call_id, Status.RESOURCE_EXHAUSTED, reason, hints=hints)
        elif self._is_open(call_id) and not self._is_over(call_id):
            self.finish(call_id, Status.RESOURCE_EXHAUSTED, reason)
            events.append(CallCancelled(call_id, reason))

    def _open(self, call_id: int) -> None:
        self._check_greeted()
        if call_id <= self._last_id or not call_id & 1:
            raise RemoteProtocolError(
                f"call id {call_id} after {self._last_id}; ids are odd and grow"
            )
        self._last_id = call_id

    def _greeted(self, peer: Hello) -> None:
        self._reader = HeaderDecoder(peer.application, peer.accepts)
        self._max_peer_bytes = peer.max_body_bytes
        self._send_hello()

    def _pong_header(self, header: bytes) -> bytes:
        asked = parse(header)[0].get(Key.LOAD_REPORT, b"")
        report = self._load() if FORMAT in asked else None
        return b"" if report is None else pack_field(Key.LOAD_REPORT, pack_load(report))

    def _receive_request(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        # `_open` and `HeaderDecoder.read`, written out for what is right and known: that saves
        # three calls of functions for each request.
        if self._peer is None or call_id <= self._last_id or not call_id & 1:
            self._open(call_id)
        self._last_id = call_id
        reader = self._reader
        known = reader.known.get((header, codec, flags))
        head, encoding = known or reader.read(header, codec, flags)
        ended = flags & END_OF_STREAM
        if not flags & ONE_WAY:
            self._calls[call_id] = None if ended else self._new_stream()
            if self._draining or len(self._calls) > self._max_calls:
                self._refuse(call_id)
                return
        elif not ended:
            raise RemoteProtocolError("a one-way REQUEST without the end of its stream")
        elif len(self._one_way) >= self._max_calls:
            return  # dropped: nothing is ever sent to the caller of a one-way call
        else:
            self._one_way.add(call_id)
        message = None if flags & NO_MESSAGE else body
        events.append(RequestReceived(call_id, head, message, encoding, bool(ended)))

    def _refuse(self, call_id: int) -> None:
        """
        Refuse a call that is one too many, or too late.
        """
        status = Status.UNAVAILABLE
        reason = "the server is draining and takes no new calls"
        if not self._draining:
            status = Status.RESOURCE_EXHAUSTED
            reason = f"more calls are open than max_calls of {self._max_calls}"
        self.finish(call_id, status, reason, hints=Hint.NOT_BEGUN)

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
            events.append(HalfClosed(call_id))

    def _receive_cancel(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if call_id > self._opened_before and call_id in self._calls:
            self._abuse.rapid_reset()
        super()._receive_cancel(flags, codec, call_id, header, body, events)

    _RECEIVE: ClassVar[dict[int, Receive]] = {
        **SHARED,
        Kind.REQUEST: _receive_request,
        Kind.END: _receive_end,
        Kind.CANCEL: _receive_cancel,
    }
