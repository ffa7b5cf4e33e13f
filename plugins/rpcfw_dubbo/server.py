"""
The provider's end of a Dubbo connection: it answers calls.

A request is not decoded here: path, codec and metadata are in its body, so it is reported with
a `HeadInBody`.
"""

from __future__ import annotations

import re
from functools import partial

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import Event, HeadInBody, RequestReceived
from rpcfw.spi.machine import Limits, ServerSide
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.attachments import ONLY_VERSION, PROTOCOL_VERSION, TRAILERS, VERSION, write_pairs
from rpcfw_dubbo.connection import DubboConnection
from rpcfw_dubbo.failures import Failure
from rpcfw_dubbo.frames import (
    HESSIAN2,
    MAGIC,
    REQUEST,
    SERIALIZATION,
    SERIALIZATION_NAMES,
    TWO_WAY,
    ReplyStatus,
    pack_header,
)
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_hessian.text import encode_string

__all__ = ["ServerMachine"]

#: Larger bodies are decoded in a thread, as those of the codec ``hessian2``.
_AT_ONCE_BYTES = 16 << 10
#: Of the attachments of a reply, what is not from the application: the client counts that too.
_OWN_BYTES = len(ONLY_VERSION) + len(encode_string(TRAILERS) + encode_string(""))
#: The versions of the protocol whose replies may have attachments: 2.0.2 to 2.0.99.
_OUR_VERSION = encode_string(PROTOCOL_VERSION)
_TAKES_ATTACHMENTS = re.compile(rb"\x052\.0\.[2-9]|\x062\.0\.[1-9][0-9]")


class ServerMachine(ServerSide, DubboConnection):
    """
    The server's machine.

    Args:
        limits: what this side accepts.
        decoder: decodes the bodies of requests.
    """

    def __init__(self, limits: Limits, decoder: RequestDecoder) -> None:
        super().__init__(limits)
        self._decoder = decoder
        self._head = HeadInBody(decode=decoder.decode, at_once_bytes=_AT_ONCE_BYTES)
        one_way = partial(decoder.decode, one_way=True)
        self._one_way_head = HeadInBody(one_way=True, decode=one_way, at_once_bytes=_AT_ONCE_BYTES)
        # One-way calls that have not ended. Their end is not sent, but they count as open.
        self._one_way: set[int] = set()
        self._takes_attachments = True

    @property
    def open_calls(self) -> int:
        return len(self._calls) + len(self._one_way)

    def serve(self, served: Served) -> None:
        self._decoder.serve(served)

    def start(self) -> None:
        """
        Nothing: the client sends first.
        """

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        wire_id = self._calls.get(call_id)
        if wire_id is None and self._is_over(call_id):
            return
        if len(body) > self._max_send_bytes:
            limit = self._max_send_bytes
            raise MessageTooLarge(
                f"{len(body)} bytes to send, over max_send_bytes of {limit} bytes"
            )
        flag, attachments = b"\x94", ONLY_VERSION
        if not self._takes_attachments:
            flag, attachments = b"\x91", b""
        elif metadata.pairs or trailers.pairs:
            attachments = self._attachments(metadata, trailers)
        if body == b"N":
            # A null has flags of its own: 2 for 1, 5 for 4.
            flag, body = (b"\x95" if attachments else b"\x92"), b""
        self._abuse.progress += 1
        del self._calls[call_id]
        size = 1 + len(body) + len(attachments)
        self._out.append(pack_header(MAGIC, HESSIAN2, ReplyStatus.OK, wire_id, size) + flag)
        self._out.append(body)
        self._out.append(attachments)

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Nothing: a reply has its attachments with it.
        """

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
        if call_id in self._one_way:
            self._one_way.discard(call_id)
            return
        if self._is_over(call_id):
            return
        if status is Status.OK:
            self.respond(call_id, b"N", trailers=trailers)
            return
        failure = Failure(status, message, details, trailers, hints, retry_after_s)
        reply_status, body = failure.write(
            to_rpcfw=self._peer_is_rpcfw,
            attachments=self._takes_attachments,
            max_bytes=self._max_header_bytes,
        )
        self._abuse.progress += 1
        wire_id = self._calls.pop(call_id)
        header = pack_header(MAGIC, HESSIAN2, reply_status, wire_id, len(body))
        self._out.append(header + body)

    def cancel(self, call_id: int, reason: str = "") -> None:
        if not self._failed:
            self.finish(call_id, Status.CANCELLED, reason)

    def _attachments(self, metadata: Metadata, trailers: Metadata) -> bytes:
        limit = self._max_header_bytes - _OWN_BYTES
        entries = write_pairs(metadata.pairs, limit)
        if trailers.pairs:
            entries += encode_string(TRAILERS) + encode_string("")
            entries += write_pairs(trailers.pairs, limit - len(entries))
        return b"H" + VERSION + entries + b"Z"

    # What the client sends.

    def _receive_request(self, flags: int, wire_id: int, body: bytes, events: list[Event]) -> None:
        self._last_id = call_id = self._last_id + 1
        if not flags & TWO_WAY:
            self._receive_one_way(flags, call_id, body, events)
            return
        calls = self._calls
        calls[call_id] = wire_id
        if flags & SERIALIZATION != HESSIAN2:
            self._refuse_serialization(call_id, flags & SERIALIZATION)
        elif self._draining or len(calls) > self._max_calls:
            self._refuse(call_id)
        else:
            # Nearly all consumers are of the one version, which is compared faster.
            if not (body.startswith(_OUR_VERSION) or _TAKES_ATTACHMENTS.match(body)):
                self._takes_attachments = False
            events.append(RequestReceived(call_id, self._head, body, "", True))

    def _receive_one_way(self, flags: int, call_id: int, body: bytes, events: list[Event]) -> None:
        """
        Report a call that is not answered, or drop it if it cannot be served.
        """
        if flags & SERIALIZATION == HESSIAN2 and len(self._one_way) < self._max_calls:
            self._one_way.add(call_id)
            events.append(RequestReceived(call_id, self._one_way_head, body, "", True))

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

    def _refuse_serialization(self, call_id: int, number: int) -> None:
        name = SERIALIZATION_NAMES.get(number, "unknown")
        reason = (
            f"expected serialization 2 (hessian2), got {number} ({name}); set "
            "serialization=hessian2 in the provider's URL, or at the consumer"
        )
        self.finish(call_id, Status.INVALID_ARGUMENT, reason, hints=Hint.NOT_BEGUN)

    def _receive_reply(
        self, flags: int, status: int, wire_id: int, body: bytes, events: list[Event]
    ) -> None:
        self._idle()  # nothing was asked from here

    def _receive_readonly(self, events: list[Event]) -> None:
        self._idle()  # this side does not call

    def _receive_oversize(
        self, flags: int, wire_id: int, body_bytes: int, events: list[Event]
    ) -> None:
        if not flags & REQUEST:
            self._idle()
            return
        self._last_id = call_id = self._last_id + 1
        if flags & TWO_WAY:
            self._calls[call_id] = wire_id
            limit = self._max_receive_bytes
            reason = f"{body_bytes} bytes were sent, over max_receive_bytes of {limit} bytes"
            hints = Hint.NOT_BEGUN | Hint.FINAL
            self.finish(call_id, Status.RESOURCE_EXHAUSTED, reason, hints=hints)
