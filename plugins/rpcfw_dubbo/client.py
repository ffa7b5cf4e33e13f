"""
The consumer's end of a Dubbo connection: it calls.
"""

from __future__ import annotations

from typing import NoReturn

from rpcfw.errors import (
    ConnectionLost,
    LocalProtocolError,
    MessageTooLarge,
    Overloaded,
    Unimplemented,
)
from rpcfw.spi.events import (
    CallEnded,
    Event,
    GoAwayReceived,
    RequestHead,
    ResponseReceived,
)
from rpcfw.spi.machine import ClientSide, Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw_dubbo.attachments import ONLY_VERSION
from rpcfw_dubbo.codec import GenericRequest
from rpcfw_dubbo.connection import HEARTBEAT, RPCFW, RPCFW_IDS, DubboConnection
from rpcfw_dubbo.frames import (
    HESSIAN2,
    MAGIC,
    REQUEST,
    SERIALIZATION,
    TWO_WAY,
    ReplyStatus,
    pack_header,
)
from rpcfw_dubbo.reply_decoder import read_foreign, read_reply
from rpcfw_dubbo.request_encoder import RequestEncoder
from rpcfw_hessian.schema import Schema
from rpcfw_hessian.text import encode_string

__all__ = ["ClientMachine"]

#: The low half of a request id is the number of the call.
_LAST_ID = 0xFFFFFFFF
#: Ids that are left when another connection is asked for: for the calls in the meantime.
_SPARE_IDS = 1 << 24
_NO_CALLBACKS = encode_string("this consumer serves nothing: callbacks are not supported")
#: The flag of a value with attachments.
_VALUE = b"\x94"
_VERSION_BYTES = len(ONLY_VERSION)


class ClientMachine(ClientSide, DubboConnection):
    """
    The client's machine.

    Args:
        limits: what this side accepts.
        encoder: encodes the heads of requests.
        schema: for replies with more than a value. It has no Python classes.
    """

    def __init__(self, limits: Limits, encoder: RequestEncoder, schema: Schema) -> None:
        super().__init__(limits)
        self._encoder = encoder
        self._schema = schema
        self._peer_drains = False
        self._has_answer = False
        #: Cancelled calls whose replies may still come.
        self._cancelled = 0

    def start(self) -> None:
        # Its answer is the handshake: it tells that the peer speaks Dubbo.
        self._put_event(TWO_WAY, HEARTBEAT)

    def sent_path(self, path: str, codec: str) -> str:
        # The types are in the descriptor of the parameters, before the arguments.
        return path.partition("(")[0]

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        if self._failed or len(self._calls) >= self._max_calls or self._last_id >= _LAST_ID:
            raise self._refusal()
        if body is None or not ended:
            raise Unimplemented(
                f"{head.path} streams; the protocol dubbo has one message in each direction only",
                hints=Hint.NEVER_SENT,
            )
        if encoding:
            raise LocalProtocolError(f"call: the protocol dubbo cannot carry {encoding}")
        body_bytes = len(body)
        if body_bytes > self._max_send_bytes:
            limit = self._max_send_bytes
            raise MessageTooLarge(
                f"{body_bytes} bytes to send, over max_send_bytes of {limit} bytes"
            )
        is_generic = type(body) is GenericRequest
        begin, end, size = self._encoder.encode(head, self._max_header_bytes, is_generic)
        self._last_id = call_id = self._last_id + 1
        wire_id = RPCFW_IDS | call_id
        flags = REQUEST | HESSIAN2
        if not head.one_way:
            flags |= TWO_WAY
            self._calls[call_id] = wire_id
        self._out.append(pack_header(MAGIC, flags, 0, wire_id, size + body_bytes) + begin)
        self._out.append(body)
        self._out.append(end)
        return call_id

    def _refusal(self) -> Exception:
        """
        Return the error that says why no call can be made.
        """
        if self._failed:
            return ConnectionLost("the connection has failed", hints=Hint.NEVER_SENT)
        if self._last_id >= _LAST_ID:
            return Overloaded("this connection's request ids are used up", hints=Hint.NEVER_SENT)
        return Overloaded(
            f"{len(self._calls)} calls are open on this connection, as many as max_calls",
            hints=Hint.NEVER_SENT,
        )

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if self._last_id > _LAST_ID - _SPARE_IDS and not (self._peer_drains or self._failed):
            self._peer_drains = True
            events.append(GoAwayReceived("this connection's request ids are nearly used up"))
        return events

    def end(self, call_id: int) -> NoReturn:
        raise LocalProtocolError(f"end: call {call_id} was whole; the protocol has no streams")

    def cancel(self, call_id: int, reason: str = "") -> None:
        # Dubbo has no frame for it: the provider goes on, and its reply is dropped.
        if not self._is_over(call_id):
            del self._calls[call_id]
            self._cancelled += 1

    # What the server sends.

    def _receive_reply(
        self, flags: int, status: int, wire_id: int, body: bytes, events: list[Event]
    ) -> None:
        call_id = wire_id & 0xFFFFFFFF
        if self._calls.get(call_id) != wire_id:
            self._drop_reply()
            return
        del self._calls[call_id]
        self._abuse.progress += 1
        if flags & SERIALIZATION != HESSIAN2:
            events.append(read_foreign(call_id, status, flags & SERIALIZATION, body))
        elif (
            status == ReplyStatus.OK
            and body.startswith(_VALUE)
            # A string with these bytes at the end of other attachments would look the same: its
            # value is then too long, and this one call fails.
            and body.endswith(ONLY_VERSION)
        ):
            value = body[1:-_VERSION_BYTES]
            events.append(ResponseReceived(call_id, value, "", EMPTY, EMPTY))
        else:
            limit = self._max_header_bytes
            events.append(read_reply(call_id, status, body, self._schema, limit))

    def _drop_reply(self) -> None:
        """
        Note a reply to a call that is not open.

        A provider that was paused answers all calls that were cancelled in the meantime. So
        these are counted, and only further replies are suspicious.
        """
        if self._cancelled:
            self._cancelled -= 1
        else:
            self._idle()

    def _receive_event_answer(self, body: bytes, events: list[Event]) -> None:
        if not self._has_answer:
            self._has_answer = True
            self._peer_is_rpcfw = body == RPCFW
        else:
            super()._receive_event_answer(body, events)

    def _receive_request(self, flags: int, wire_id: int, body: bytes, events: list[Event]) -> None:
        self._idle()
        if flags & TWO_WAY:
            flags = flags & SERIALIZATION
            status, text = ReplyStatus.SERVICE_NOT_FOUND, _NO_CALLBACKS
            self._out.append(pack_header(MAGIC, flags, status, wire_id, len(text)) + text)

    def _receive_readonly(self, events: list[Event]) -> None:
        if self._peer_drains:
            self._idle()
            return
        self._peer_drains = True
        # Later calls are refused one by one, so none is refused here.
        events.append(GoAwayReceived("the provider has sent READONLY: it is stopping"))

    def _receive_oversize(
        self, flags: int, wire_id: int, body_bytes: int, events: list[Event]
    ) -> None:
        call_id = wire_id & 0xFFFFFFFF
        if flags & REQUEST:
            self._idle()
            return
        if self._calls.get(call_id) != wire_id:
            self._drop_reply()
            return
        del self._calls[call_id]
        limit = self._max_receive_bytes
        reason = f"{body_bytes} bytes were sent, over max_receive_bytes of {limit} bytes"
        events.append(CallEnded(call_id, Status.RESOURCE_EXHAUSTED, reason))
