"""
Dubbo with messages that are any bytes, for the contract of `DubboProtocol`.

Dubbo's messages are values in Hessian 2. So the bytes of the contract's tests travel as the one
``byte[]`` of a request or of a response.
"""

from __future__ import annotations

from typing import Any

from attrs import evolve

from rpcfw.kernel.settings import options_of
from rpcfw.spi.events import DecodedRequest, Event, HeadInBody, RequestReceived, ResponseReceived
from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.served import Served
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.client import ClientMachine
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.protocol import DubboOptions, DubboProtocol
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_dubbo.request_encoder import RequestEncoder
from rpcfw_dubbo.server import ServerMachine
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.schema import Schema
from rpcfw_hessian.text import encode_binary, encode_string

__all__ = ["SAY", "BytesProtocol"]

#: The method that is called.
SAY = Method("demo.Greeter", "say", Shape.UNARY, bytes, bytes, "dubbo")
_DESCRIPTOR = encode_string("[B")


class BytesClient(ClientMachine):
    """
    Wraps what it sends, and unwraps what it receives.
    """

    def call(self, head: Any, body: bytes | None, encoding: str, ended: bool) -> int:
        wrapped = None if body is None else _DESCRIPTOR + encode_binary(body)
        return super().call(head, wrapped, encoding, ended)

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        for event in events:
            if isinstance(event, ResponseReceived):
                value = Decoder(event.body, Schema()).read()
                event.body = b"" if value is None else value
        return events


class BytesServer(ServerMachine):
    """
    Likewise.
    """

    def respond(self, call_id: int, body: bytes, *rest: Any, **named: Any) -> None:
        super().respond(call_id, body if body == b"N" else encode_binary(body), *rest, **named)

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        for event in events:
            if isinstance(event, RequestReceived):
                assert isinstance(event.head, HeadInBody)
                event.head = _unwrapping(event.head)
        return events


def _unwrapping(head: HeadInBody) -> HeadInBody:
    def decode(body: bytes) -> DecodedRequest:
        decoded = head.decode(body)
        return evolve(decoded, body=decoded.body.value)

    return HeadInBody(decode=decode, one_way=head.one_way)


class BytesProtocol(DubboProtocol):
    """
    Both ends.
    """

    def __init__(self, context: PluginContext) -> None:
        super().__init__(options_of(DubboOptions), context)

    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerMachine:
        machine = BytesServer(
            limits, RequestDecoder(ParameterTable(Schema), limits.max_header_bytes)
        )
        machine.serve(Served({SAY.path: SAY}))
        return machine

    def client(self, limits: Limits, accepts: tuple[str, ...], **_: Any) -> ClientMachine:
        return BytesClient(limits, RequestEncoder("consumer", "", ""), Schema())
