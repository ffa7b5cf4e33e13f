"""
What a server refuses to serve.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.kernel.settings import options_of
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.service import Service, method
from rpcfw.status import Hint
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.payload import Payload
from rpcfw.values.method import Shape
from rpcfw_codecs.json import JSONCodec
from rpcfw_codecs.raw import RawCodec


class Shop:
    """
    Methods with a type that cannot be carried, each with the place that is told.
    """

    @method
    def parameter(self, x: int, y: list[complex]) -> int:
        """the parameter 'y': JSON cannot carry list[complex]."""

    @method
    def result(self, x: int) -> complex:
        """the result: JSON cannot carry complex."""

    @method
    async def request(self, items: AsyncIterator[complex]) -> int:
        """the request: JSON cannot carry complex."""


@pytest.mark.parametrize("name", ["parameter", "result", "request"])
def test_types_that_cannot_be_carried(name):
    """
    The refusal names class, method and parameter, and the type.
    """
    function = vars(Shop)[name]
    service = type("Shop", (Service,), {name: function}, name="demo.Shop")
    json = JSONCodec(options_of(JSONCodec.Options), plugin_context())

    with pytest.raises(ContractError) as caught:
        MethodTable(Payload({"json": json}, {}, "", 0, 1000)).add(service())

    told = f"Shop.{name}: {function.__doc__.rstrip('.')}: type <class 'complex'> is not supported"
    assert str(caught.value).startswith(told)


class Blobs(Service, name="demo.Blobs"):
    """
    Methods that JSON and raw bytes can both carry.
    """

    @method(shape=Shape.UNARY, request_type=bytes, response_type=bytes, codec="json")
    def any_codec(self, blob: bytes) -> bytes:
        return blob

    @method(shape=Shape.UNARY, request_type=bytes, response_type=bytes, codec=("raw", "json"))
    def two(self, blob: bytes) -> bytes:
        return blob

    @method(shape=Shape.UNARY, request_type=bytes, response_type=bytes, codec=("json",))
    def one(self, blob: bytes) -> bytes:
        return blob


def payload(*, raw: bool = True) -> Payload:
    """
    Return what knows JSON, and raw bytes.
    """
    codecs = {"json": JSONCodec(options_of(JSONCodec.Options), plugin_context())}
    if raw:
        codecs["raw"] = RawCodec(NoOptions(), plugin_context())
    return Payload(codecs, {}, "", 0, 1000)


@pytest.mark.parametrize(
    ("name", "taken", "used"),
    [
        ("any_codec", {"json", "raw"}, "json"),
        ("two", {"raw", "json"}, "raw"),
        ("one", {"json"}, "json"),
    ],
)
def test_codecs_of_a_method(name, taken, used):
    """
    A server takes the codecs that a method names, or any; clients use the first.
    """
    table = MethodTable(payload())
    table.add(Blobs())
    served = table.by_path[f"demo.Blobs/{name}"]
    for codec in taken:
        reader, writer = table.coders(served, codec)
        assert b"blob" == reader.decode(writer.encode(b"blob"))

    assert used == served.method.codec
    for other in {"json", "raw", "protobuf"} - taken:
        with pytest.raises(Unimplemented, match=f"codec '{other}'") as raised:
            table.coders(served, other)
        assert raised.value.hints & Hint.NOT_BEGUN


def test_a_codec_that_a_method_names_is_not_in_use():
    """
    That stops the start, as a type does that cannot be carried.
    """
    with pytest.raises(ContractError, match=r"Blobs.two: .*the codec 'raw' is not known here"):
        MethodTable(payload(raw=False)).add(Blobs())


def test_no_codec_at_all():
    """
    A method has at least one codec.
    """
    with pytest.raises(ContractError, match="codec=\\(\\) names none"):
        method(codec=())
