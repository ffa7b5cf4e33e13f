"""
The codecs of the protocol: Protobuf for its own messages, and wrapped Hessian for all else.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.wrappers_pb2 import StringValue

from rpcfw.errors import ContractError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.codec import GenericRequest
from rpcfw_hessian import Long, dumps, java, loads
from rpcfw_triple.codec import TripleCodec, TripleGenericCodec
from rpcfw_triple.wrappers import read_request, read_response, write_response


@java("com.acme.Item")
@dataclass
class Item:
    name: str
    count: int = 1


def codec() -> TripleCodec:
    return TripleCodec(options_of(TripleCodec.Options), plugin_context())


class TestTripleCodecContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [
            (str, "é"),
            (Item, Item("a", 3)),
            (list[Decimal], [Decimal("1.5")]),
            (Any, {"a": 1}),
            (StringValue, StringValue(value="x")),
        ]

    def unfit(self):
        return [complex, type]


class TestTripleGenericCodecContract(CodecContract):
    def make(self):
        return TripleGenericCodec(options_of(TripleGenericCodec.Options), plugin_context())

    def samples(self):
        return [(str, "é"), (Item, Item("a", 3)), (Any, {"a": 1})]

    def unfit(self):
        return [complex, type]


class Store(Service, name="com.acme.Store"):
    """
    One method.
    """

    @method
    async def put(self, item: Item, place: Long, data: bytes) -> None: ...


def test_a_request():
    """
    Each argument is in Hessian by itself, and each type has the name of its Java class.
    """
    (one,) = offered(Store)
    make = one.method.request_type
    body = codec().request_coder(one.method).encode(make(Item("a"), 7, b"x"))
    request = read_request(body)

    assert ("com.acme.Item", "long", "[B") == request.types
    assert (b"\xe7", b"\x21x") == request.arguments[1:]
    assert Item("a") == loads(request.arguments[0], Item)


def test_a_request_by_name():
    """
    Without Java types a list of arguments is for ``$invoke``; with them, for the method itself.
    """
    by_name = Method("com.acme.Store", "put", Shape.UNARY, Any, Any, "json")
    by_types = Method("com.acme.Store", "put(int)", Shape.UNARY, Any, Any, "json")
    generic = codec().request_coder(by_name).encode([1])
    direct = codec().request_coder(by_types).encode([1])

    assert isinstance(generic, GenericRequest)
    assert (dumps("put"), b"N", dumps([1])) == read_request(generic).arguments
    assert not isinstance(direct, GenericRequest)
    assert (("int",), (b"\x91",)) == (read_request(direct).types, read_request(direct).arguments)


@pytest.mark.parametrize(
    ("kind", "java_type"),
    [(int, "int"), (bytes, "[B"), (list[str], "java.util.List"), (Any, "java.lang.Object")],
)
def test_a_response(kind, java_type):
    """
    A response is wrapped, with the Java class of the method's result.
    """
    value = {int: 5, bytes: b"x"}.get(kind, ["x"])
    body = codec().coder(kind).encode(value)

    assert body == write_response(read_response(body).data, java_type)
    assert value == loads(read_response(body).data)


def test_protobuf_is_not_wrapped():
    """
    Methods with Protobuf messages have the bodies of gRPC.
    """
    known = Method("demo.Greeter", "greet", Shape.BIDI_STREAM, StringValue, StringValue, "protobuf")

    assert b"\x0a\x01x" == codec().request_coder(known).encode(StringValue(value="x"))


def test_streams_without_protobuf():
    """
    They are refused when the method is looked at, with what to do.
    """
    known = Method("demo.Greeter", "chat", Shape.BIDI_STREAM, str, str, "json")

    with pytest.raises(ContractError, match=r"define the messages in a \.proto file"):
        codec().request_coder(known)
