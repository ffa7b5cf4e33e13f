"""
What a server refuses to serve.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rpcfw.errors import ContractError
from rpcfw.kernel.settings import options_of
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.spi.service import Service, method
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.payload import Payload
from rpcfw_codecs.json import JSONCodec


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
