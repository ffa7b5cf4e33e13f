"""
The native protocol at the client's end: it opens the connection and calls.
"""

from __future__ import annotations

from typing import ClassVar, NoReturn

from rpcfw.errors import ConnectionLost, LocalProtocolError, Overloaded, RemoteProtocolError
from rpcfw.spi.events import (
    CallEnded,
    Event,
    GoAwayReceived,
    LoadReported,
    RequestHead,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import ClientSide, Limits
from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw.wire.connection import Receive
from rpcfw.wire.fields import Key, encoding_of, number, pack_field, parse, text
from rpcfw.wire.frames import (
    COMPRESSED,
    END_OF_STREAM,
    NO_MESSAGE,
    ONE_WAY,
    Kind,
    pack_fixed,
    word,
)
from rpcfw.wire.headers import HeaderEncoder
from rpcfw.wire.load_report import FORMAT, parse_load
from rpcfw.wire.machine import SHARED, NativeMachine
from rpcfw.wire.streams import StreamState

__all__ = ["ClientMachine"]

_REQUEST = word(Kind.REQUEST)
_END = word(Kind.END)
_ASK_LOAD = pack_field(Key.LOAD_REPORT, bytes((FORMAT,)))
_LAST_ID = 0xFFFFFFFF
#: Ids that are left when another connection is asked for: for the calls in the meantime.
_SPARE_IDS = 1 << 24
_NO_CALL = StreamState(0, 0, 0)


class ClientMachine(ClientSide, NativeMachine):
    """
    The client's machine.
    """

    _MAX_ID = _LAST_ID - _SPARE_IDS

    def __init__(self, limits: Limits, accepts: tuple[str, ...], application: str) -> None:
        super().__init__(limits, accepts, application)
        self._writer = HeaderEncoder()
        #: A PING has asked for a load report, and none has come yet.
        self._asked_load = False

    def start(self) -> None:
        self._send_hello()

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        peer = self._peer
        if peer is None or self._failed or len(self._calls) >= peer.max_calls:
            raise self._refusal()
        flags = END_OF_STREAM if ended else 0
        if body is None:
            flags, body, encoding = flags | NO_MESSAGE, b"", ""
        elif len(body) > self._max_send_bytes or len(body) > peer.max_body_bytes:
            self._check_size(len(body))
        known = self._writer.known.get(head)
        if encoding:
            flags, known = flags | COMPRESSED, None
        call_id = self._last_id + 2
        if call_id > _LAST_ID or (head.one_way and not ended):
            raise self._refusal()
        codec, header = known or self._writer.write(head, encoding, peer.max_header_bytes)
        self._last_id = call_id
        if head.one_way:
            flags |= ONE_WAY
        else:
            # Whether the response is a stream is not known here: `_incoming` makes the state
            # of a stream when the first message arrives.
            self._calls[call_id] = None if ended else self._new_stream()
        fixed = pack_fixed(_REQUEST, flags, codec, len(header), len(body), call_id)
        self._out += (fixed + header, body)
        return call_id

    def _refusal(self) -> Exception:
        """
        Return the error that says why no call can be made.
        """
        if self._failed:
            return ConnectionLost("the connection has failed", hints=Hint.NEVER_SENT)
        if self._peer is None:
            return LocalProtocolError("a call before the peer's HELLO")
        if len(self._calls) >= self._peer.max_calls:
            text = f"as many as the server's max_calls of {self._peer.max_calls}"
            return Overloaded(
                f"{len(self._calls)} calls are open on this connection, {text}",
                hints=Hint.NEVER_SENT,
            )
        if self._last_id >= _LAST_ID:
            return Overloaded("this connection's call ids are used up", hints=Hint.NEVER_SENT)
        return LocalProtocolError("a one-way call has one message and no stream")

    def _ids_used_up(self, events: list[Event]) -> None:
        if not (self._draining or self._failed):
            reason = "this connection's call ids are nearly used up"
            self.drain(reason)
            events.append(GoAwayReceived(reason))

    def ask_load(self) -> bool:
        if self._peer is None or self._failed:
            return False
        self._asked_load = True
        self._unanswered_pings += 1
        self._put(Kind.PING, 0, _ASK_LOAD, b"load?")
        return True

    def _receive_load(self, header: bytes, events: list[Event]) -> None:
        value = parse(header)[0].get(Key.LOAD_REPORT)
        if value is None or not self._asked_load:
            return
        self._asked_load = False
        report = parse_load(value)
        if report is not None:
            events.append(LoadReported(report))

    def end(self, call_id: int) -> None:
        stream = self._sending(call_id)
        if stream is not None:
            stream.queue_end(pack_fixed(_END, 0, 0, 0, 0, call_id), self._out)

    def _begin_sending(self, call_id: int) -> NoReturn:
        raise LocalProtocolError(f"call {call_id} was whole; no message can follow")

    def _incoming(self, call_id: int) -> StreamState:
        stream = self._calls[call_id]
        if stream is None:
            stream = self._calls[call_id] = self._new_stream()
            stream.local_ended = True
        return stream

    def _refuse_oversize(
        self, kind: int, flags: int, call_id: int, reason: str, events: list[Event]
    ) -> None:
        if kind == Kind.REQUEST:
            self._check_optional(kind)
        if self._is_open(call_id):
            self.cancel(call_id, reason)
            events.append(CallEnded(call_id, Status.RESOURCE_EXHAUSTED, reason))

    def _receive_response(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not flags & END_OF_STREAM:
            self._receive_start(call_id, header, events)
            return
        # A unary call's state is None: one look-up is all that it costs.
        stream = self._calls.pop(call_id, _NO_CALL)
        if stream is not None:
            if stream is _NO_CALL:
                self._is_open(call_id)  # it is not: the frame is late, or breaks the rules
                return
            self._release(stream)
        if not header and not flags & COMPRESSED:
            events.append(ResponseReceived(call_id, body, "", EMPTY, EMPTY))
            return
        fields, metadata, trailers = parse(header)
        encoding = encoding_of(fields, flags)
        events.append(ResponseReceived(call_id, body, encoding, metadata, trailers))

    def _receive_start(self, call_id: int, header: bytes, events: list[Event]) -> None:
        if not self._is_open(call_id):
            return
        stream = self._incoming(call_id)
        if stream.response_started:
            raise RemoteProtocolError("a second RESPONSE of a call")
        stream.response_started = True
        events.append(ResponseStarted(call_id, parse(header)[1]))

    def _receive_end(
        self, flags: int, codec: int, call_id: int, header: bytes, body: bytes, events: list[Event]
    ) -> None:
        if not self._is_open(call_id):
            return
        fields, metadata, trailers = parse(header)
        after_ms = number(fields, Key.RETRY_AFTER, 4, -1)
        if after_ms >= 1 << 31:
            after_ms -= 1 << 32
        # Read before the call is forgotten: a malformed header leaves nothing half done.
        ended = CallEnded(
            call_id,
            Status.from_wire(number(fields, Key.STATUS, 1, int(Status.UNKNOWN))),
            text(fields, Key.TEXT),
            body,
            metadata,
            trailers,
            Hint(number(fields, Key.HINTS, 1, 0) & WIRE_HINTS),
            after_ms / 1000 if Key.RETRY_AFTER in fields else None,
        )
        stream = self._calls.pop(call_id)
        if stream is not None:
            self._release(stream)
        events.append(ended)

    _RECEIVE: ClassVar[dict[int, Receive]] = {
        **SHARED,
        Kind.RESPONSE: _receive_response,
        Kind.END: _receive_end,
    }
