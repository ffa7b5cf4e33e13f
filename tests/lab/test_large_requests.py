"""
Requests that take long to read do not hold the reactor.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue

from rpcfw import Service, method
from rpcfw.server.calls.thread_pool import BlockingThreads
from rpcfw.values.method import Method, Shape
from tests.lab.services import Greeter


class Lists(Service, name="demo.Lists"):
    """
    Takes Protobuf messages.
    """

    @method(shape=Shape.UNARY, request_type=ListValue, response_type=ListValue, codec="protobuf")
    async def one(self, request: ListValue) -> ListValue:
        return ListValue()

    @method(
        shape=Shape.CLIENT_STREAM, request_type=ListValue, response_type=ListValue, codec="protobuf"
    )
    async def many(self, requests: AsyncIterator[ListValue]) -> ListValue:
        return ListValue(values=[each.values[0] async for each in requests])


@pytest.fixture
def apart(monkeypatch):
    """
    Note how large the bodies are that a thread reads.
    """
    sizes = []
    run = BlockingThreads.run

    def noting(self: Any, function: Any, arguments: Any) -> Any:
        sizes.append(len(arguments[1]))
        return run(self, function, arguments)

    monkeypatch.setattr(BlockingThreads, "run", noting)
    return sizes


def call(lab, name, shape, request):
    """
    Call by JSON what takes Protobuf.
    """
    lab.serve(Lists())
    channel = lab.consumer().application.channel("demo.Lists")
    return lab.run(channel.call(Method("demo.Lists", name, shape, Any, Any, "json"), request))


def test_small_ones_pay_nothing(lab, apart):
    """
    A small request is read at once.
    """
    call(lab, "one", Shape.UNARY, [1])

    assert [] == apart


def test_large_json_of_a_protobuf_message(lab, apart):
    """
    A thread reads the JSON of a Protobuf message that is large.
    """
    call(lab, "one", Shape.UNARY, [1] * 500)

    assert [1001] == apart


def test_messages_of_a_stream(lab, apart):
    """
    The large messages of a stream are read by the thread; all come in their order.
    """
    messages = [[number] * size for number, size in enumerate((1, 500, 1, 600))]

    assert [0, 1, 2, 3] == call(lab, "many", Shape.CLIENT_STREAM, messages)
    assert [1001, 1201] == apart


@pytest.mark.parametrize(("size", "read_apart"), [(10, False), (5000, False), (4_000_000, True)])
def test_compressed_requests(lab, apart, size, read_apart):
    """
    A thread unpacks a compressed request, unless it is so small that it cannot be a bomb.
    """
    lab.serve(Greeter())
    consumer = lab.consumer("compression.plugin=gzip")

    lab.run(consumer.application.client(Greeter).say("a" * size))

    assert read_apart is (len(apart) == 1)
