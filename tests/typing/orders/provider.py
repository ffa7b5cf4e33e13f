"""
A provider: each method may be written in any of the ways that a server takes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from twisted.internet.defer import Deferred, succeed

from rpcfw.spi.service import blocking
from tests.typing.orders.order_pb2 import CloseApiCreate, Order, OrderApiCreate
from tests.typing.orders.order_rpc import OrderServiceBase


class Orders(OrderServiceBase):
    """
    Right in every method.
    """

    async def create(self, request: OrderApiCreate) -> Order:
        return Order(order_id=request.order_id)

    @blocking
    def close(self, request: CloseApiCreate) -> Order:
        return Order(order_id=request.order_id)

    async def server_stream(self, request: OrderApiCreate) -> AsyncIterator[Order]:
        yield Order(order_id=request.order_id)

    def client_stream(self, requests: AsyncIterator[OrderApiCreate]) -> Deferred[Order]:
        return succeed(Order())

    async def bd_stream(self, requests: AsyncIterator[OrderApiCreate]) -> AsyncIterator[Order]:
        async for request in requests:
            yield Order(order_id=request.order_id)


class Mistaken(OrderServiceBase):
    """
    Wrong in every method, and told so.
    """

    async def create(self, request: OrderApiCreate) -> int:  # type: ignore[override]  # no Order
        return 1

    async def close(self, request: OrderApiCreate) -> Order:  # type: ignore[override]  # not taken
        return Order()

    async def server_stream(self, request: OrderApiCreate) -> Order:  # type: ignore[override]  # one
        return Order()
