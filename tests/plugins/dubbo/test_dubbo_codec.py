"""
The codec of the protocol: one value for a response, descriptor and arguments for a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve

from rpcfw.errors import ContractError
from rpcfw.kernel.settings import Sources, options_of
from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.codec import DubboCodec, GenericRequest
from rpcfw_dubbo.generic import GenericCodec
from rpcfw_dubbo.protocol import DubboProtocol
from rpcfw_hessian import HessianError, Long, Schema, java
from rpcfw_triple.codec import TripleCodec
from rpcfw_triple.protocol import TripleProtocol


@java("com.acme.Item")
@dataclass
class Item:
    name: str
    count: int = 1


def codec() -> DubboCodec:
    return DubboCodec(options_of(DubboCodec.Options), plugin_context())


def values_in(data: bytes) -> list[Any]:
    """
    Return the values that follow each other.
    """
    decoder = Schema((Item,)).decoder(data)
    found = []
    while not decoder.at_end:
        found.append(decoder.read())
    return found


@pytest.mark.parametrize("plugin", [DubboProtocol, DubboCodec, GenericCodec, TripleProtocol])
def test_options_of_hessian_are_in_one_section(tmp_path, plugin):
    """
    What the section of the codec ``hessian2`` has is for protocols and codecs that use it.
    """
    path = tmp_path / "a.ini"
    path.write_text("[codec hessian2]\nmax_depth = 3\n")
    sources = Sources.load([path])
    made = sources.section("plugin", plugin.Options, plugin.name)
    sources.finish()
    assert made.new_schema().limits.max_depth == 3


class TestDubboCodecContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [
            (str, "é"),
            (Item, Item("a", 3)),
            (list[Decimal], [Decimal("1.5")]),
            (Any, {"a": 1}),
        ]

    def unfit(self):
        return [complex, type]


class Store(Service, name="com.acme.Store"):
    """
    Methods of several shapes.
    """

    @method
    async def put(self, item: Item, place: Long, note: str | None = None) -> None: ...

    @method
    async def nothing(self) -> None: ...

    @method(name="find(java.lang.String,int[])")
    async def find(self, name: str, places: list[int]) -> Item: ...


def of(name: str) -> Any:
    """
    Return a method of the store, and the class of its arguments.
    """
    (one,) = [one.method for one in offered(Store) if one.method.name.startswith(name)]
    return one, one.request_type


def test_a_request():
    """
    The descriptor comes first, then each argument in its Java type.
    """
    known, make = of("put")
    data = codec().request_coder(known).encode(make(Item("a"), 7))
    descriptor, item, place, note = values_in(data)

    assert descriptor == "Lcom/acme/Item;JLjava/lang/String;"
    assert (Item("a"), 7, None) == (item, place, note)
    assert b"\xe7" in data, "the place is a long"


def test_a_request_without_arguments():
    """
    Its descriptor is empty.
    """
    known, make = of("nothing")

    assert codec().request_coder(known).encode(make()) == b"\x00"


def test_java_types_in_the_name():
    """
    The types in the name of a method are taken as they are.
    """
    known, make = of("find")
    descriptor, *arguments = values_in(codec().request_coder(known).encode(make("a", [1, 2])))

    assert descriptor == "Ljava/lang/String;[I"
    assert arguments == ["a", [1, 2]]


def test_a_generic_request():
    """
    A list of arguments calls by name; with types in the name, it calls the method itself.
    """
    by_name = Method("com.acme.Store", "put", Shape.UNARY, Any, Any, "json")
    by_types = Method("com.acme.Store", "put(int)", Shape.UNARY, Any, Any, "json")
    generic = codec().request_coder(by_name).encode([1, "two"])
    direct = codec().request_coder(by_types).encode([1])

    assert isinstance(generic, GenericRequest)
    assert values_in(generic)[1:] == ["put", None, [1, "two"]]
    assert not isinstance(direct, GenericRequest)
    assert values_in(direct) == ["I", 1]


def test_a_name_with_something_else_in_it():
    """
    What stands in parentheses has to be Java types.
    """
    for name in ("put(int", "put(a b)", "put(int,)"):
        wrong = Method("com.acme.Store", name, Shape.UNARY, Any, Any, "json")
        with pytest.raises(ContractError, match="expected Java types"):
            codec().request_coder(wrong)


@pytest.mark.parametrize("codec_class", [DubboCodec, TripleCodec])
@pytest.mark.parametrize("arguments", [[], ["bob"], ["bob", 1, 2]])
def test_another_number_of_arguments(codec_class, arguments):
    """
    Than there are Java types: nothing is sent, which the provider would misread.
    """
    made = codec_class(options_of(codec_class.Options), plugin_context())
    name = "find(java.lang.String,int)"
    by_types = Method("com.acme.Store", name, Shape.UNARY, Any, Any, "json")
    text = rf"expected 2 arguments, of the types \(java.lang.String,int\), got {len(arguments)}"
    with pytest.raises(HessianError, match=text):
        made.request_coder(by_types).encode(arguments)


@pytest.mark.parametrize("codec_class", [DubboCodec, TripleCodec])
def test_another_number_of_parameters(codec_class):
    """
    Than there are Java types: the class of the service is wrong, and the error says where.
    """
    made = codec_class(options_of(codec_class.Options), plugin_context())
    known, _ = of("put")
    wrong = evolve(known, name="put(com.acme.Item,long)")
    with pytest.raises(ContractError, match=r"for each of 3 parameters, got 2"):
        made.request_coder(wrong)


def test_a_class_without_a_java_type():
    """
    The error names method and parameter, and says what to write.
    """

    @dataclass
    class Unmarked:
        name: str

    unmarked = Method("com.acme.Store", "put", Shape.UNARY, Unmarked, str, "json")
    with pytest.raises(ContractError, match="mark the class with @java"):
        codec().request_coder(unmarked)


def test_exceptions():
    """
    An exception of a class with @java has details; of another one there are none.
    """

    @java("com.acme.Missing")
    class Missing(Exception):
        pass

    assert codec().error_details(ValueError("a secret")) == b""
    details = codec().error_details(Missing("gone"))
    (thrown,) = values_in(details)
    assert ("com.acme.Missing", "gone") == (thrown.java_class, thrown.message)
