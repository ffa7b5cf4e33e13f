"""
A wire that has the head of each request in its body, as Dubbo's has.

It is the native wire. But what a request says of itself stands in front of its message, both
encoded as one: a server has to decode the body to know which method is called.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from attrs import evolve

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.codec import Codec, Coder
from rpcfw.spi.events import DecodedRequest, HeadInBody, ParsedBody, RequestHead, RequestReceived
from rpcfw.spi.protocol import Limits
from rpcfw.values.metadata import Metadata
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.protocol import NativeProtocol
from rpcfw.wire.server import ServerMachine

__all__ = ["BodyProtocol", "PartsCodec"]

#: What every request looks like from outside.
_OUTSIDE = RequestHead("in/body", "raw")


class BodyProtocol(NativeProtocol):
    """
    The wire. It notes the bodies that were decoded.
    """

    name = "body"

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> BodyServer:
        machine = BodyServer(limits, accepts, self.plugin_context.application)
        machine.decode = self.decode
        return machine

    def client(self, limits: Limits, accepts: tuple[str, ...], **_: Any) -> BodyClient:
        machine = BodyClient(limits, accepts, self.plugin_context.application)
        machine.limits = limits
        return machine

    def decode(self, known: RequestHead, body: bytes) -> DecodedRequest:
        bodies_decoded.append(body)
        path, codec, timeout_s, pairs, encoding, message = parts_of(body)
        head = evolve(
            known,
            path=path,
            codec=codec,
            timeout_s=timeout_s,
            metadata=Metadata(tuple(pairs)),
        )
        if codec == "parts":
            return DecodedRequest(head, ParsedBody.of(message, (body, 0, len(body))))
        return DecodedRequest(head, message, encoding)


def parts_of(body: bytes) -> tuple[str, str, float | None, list[tuple[str, Any]], str, Any]:
    """
    Return what a body holds.
    """
    kind = tuple[str, str, float | None, list[tuple[str, Any]], str, Any]
    return msgspec.msgpack.decode(body, type=kind)


#: The bodies that were decoded in this process.
bodies_decoded: list[bytes] = []


class BodyClient(ClientMachine):
    """
    Writes the head into the body.
    """

    limits: Limits

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        assert body is not None, "this wire has no streams"
        pairs = [list(pair) for pair in head.metadata]
        if len(msgspec.msgpack.encode(pairs)) > self.limits.max_header_bytes:
            raise MessageTooLarge("the metadata is over max_header_bytes")
        if len(body) > self.limits.max_send_bytes:
            limit = self.limits.max_send_bytes
            raise MessageTooLarge(f"{len(body)} bytes are over max_send_bytes of {limit}")
        message = body.value if isinstance(body, ParsedBody) else body
        parts = (head.path, head.codec, head.timeout_s, pairs, encoding, message)
        outside = evolve(_OUTSIDE, one_way=head.one_way)
        return super().call(outside, msgspec.msgpack.encode(parts), "", ended)


class BodyServer(ServerMachine):
    """
    Reports requests as they are: undecoded.
    """

    decode: Callable[[RequestHead, bytes], DecodedRequest]

    def receive(self, data: bytes) -> list[Any]:
        return [self._undecoded(event) for event in super().receive(data)]

    def _undecoded(self, event: Any) -> Any:
        if isinstance(event, RequestReceived):
            head = event.head
            known = {"one_way": head.one_way, "accepts": head.accepts, "caller": head.caller}
            event.head = HeadInBody(
                **known, decode=partial(self.decode, head), at_once_bytes=LARGE_BYTES
            )
        return event


#: Larger bodies are decoded in a thread.
LARGE_BYTES = 2000


class PartsCodec(Codec):
    """
    A codec whose messages this wire parses along with the head, as Hessian's.
    """

    name = "parts"

    def coder(self, type: Any) -> Coder:
        encoder = msgspec.msgpack.Encoder()

        def decode(body: bytes) -> Any:
            value = body.value if isinstance(body, ParsedBody) else msgspec.msgpack.decode(body)
            return msgspec.convert(value, type)

        def encode(message: Any) -> bytes:
            if self.plugin_context.application == "consumer":
                return ParsedBody.of(msgspec.to_builtins(message), (b"", 0, 0))
            return encoder.encode(message)

        return Coder(encode, decode)
