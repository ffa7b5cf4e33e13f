"""
The example of orders, by itself: its proto file becomes a service that can be served.
"""

from __future__ import annotations

import importlib
from importlib.util import find_spec

import pytest

from rpcfw.errors import ApplicationError
from rpcfw.spi.service_class import offered
from rpcfw.status import Status
from tests.requirements import require


@pytest.fixture(scope="module")
def example():
    """
    The example's module.
    """
    require(find_spec("grpc_tools"), "pip install 'rpcfw[codegen]'")
    return importlib.import_module("examples.orders.orders")


def _finished(coroutine):
    """
    Run a coroutine that waits for nothing.
    """
    with pytest.raises(StopIteration) as stop:
        coroutine.send(None)
    return stop.value.value


async def _all(stream):
    return [one async for one in stream]


async def _stream(*messages):
    for message in messages:
        yield message


def test_the_five_methods_are_offered(example):
    """
    The provider offers what the proto file declares, and only closing may be repeated.
    """
    methods = [one.method for one in offered(example.Orders)]
    names = ["BdStream", "ClientStream", "Close", "Create", "ServerStream"]
    assert names == [method.name for method in methods]
    assert ["Close"] == [method.name for method in methods if method.idempotent]


def test_an_order_is_made_once(example):
    """
    A second order of the same id is refused with a status that says why.
    """
    orders = example.Orders()
    request = example.OrderApiCreate(order_id=7, user_id=[1, 2], remark="ring", reason_id=[3])
    assert 7 == _finished(orders.create(request)).order_id
    with pytest.raises(ApplicationError) as refused:
        orders.create(request).send(None)
    assert Status.ALREADY_EXISTS is refused.value.status
    closed = orders.close(example.CloseApiCreate(order_id=7))
    assert [1, 2] == list(closed.user_id)


def test_streams_flow_each_way(example):
    """
    The server pushes, the client pushes, and both do.
    """
    orders = example.Orders()
    first, second = (example.OrderApiCreate(order_id=n, user_id=[n]) for n in (1, 2))
    pushed = _finished(_all(orders.server_stream(first)))
    assert ["accepted", "packed", "sent"] == [order.remark for order in pushed]
    merged = _finished(orders.client_stream(_stream(first, second)))
    assert (1, [1, 2]) == (merged.order_id, list(merged.user_id))
    both = _finished(_all(orders.bd_stream(_stream(first, second))))
    assert [1, 2] == [order.order_id for order in both]
