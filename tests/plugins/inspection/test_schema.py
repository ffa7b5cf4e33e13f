"""
The methods of a process, with their types.
"""

from __future__ import annotations

import json

import pytest

from rpcfw import Service, method
from rpcfw.client.stub import proxy
from rpcfw.testing.lab import Lab
from rpcfw.values.address import Address
from rpcfw_inspection.schema import SchemaService


class Typed(Service, name="demo.Typed"):
    """
    Takes arguments of several types.
    """

    @method
    async def put(self, name: str, count: int = 3, tags: list[str] | None = None) -> None:
        """
        Do nothing.
        """


@pytest.fixture
def describe():
    with Lab() as lab:
        lab.serve(Typed(), name="a", sets=["server.builtin=schema"])
        channel = lab.consumer().application.runtime.plugin_context.open_channel(
            Address("memory", "a"), "native", service=SchemaService.service_name
        )
        yield lambda service: lab.run(proxy(SchemaService, channel).describe(service))
        lab.run(channel.close())


def test_arguments_have_types(describe):
    """
    The schema of a method names its arguments, their types, and which must be given.
    """
    (put,) = describe("demo.Typed")
    assert ("put", "unary") == (put.name, put.shape)
    schema = json.loads(put.schema)
    (found,) = schema["$defs"].values()
    assert ["name"] == found["required"]
    assert {"type": "integer", "default": 3} == found["properties"]["count"]


def test_other_services(describe):
    """
    Of a service that is not served here there are no methods.
    """
    assert [] == describe("demo.Other")
