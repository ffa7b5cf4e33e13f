"""
A consumer: what a stub takes and returns is known to the type checker.
"""

from __future__ import annotations

from tests.typing.orders.order_pb2 import CloseApiCreate, OrderApiCreate
from tests.typing.orders.order_rpc import OrderServiceStub


async def right(orders: OrderServiceStub) -> int:
    """
    Call in all four shapes.
    """
    request = OrderApiCreate(order_id=1)
    made = await orders.create(request, timeout="500ms", metadata={"tenant": "blue"})
    total: int = made.order_id
    async with orders.server_stream(request, timeout=1.5) as stream:
        async for order in stream:
            total += order.order_id
    both = orders.bd_stream()
    await both.send(request)
    await both.end()
    merged = await orders.client_stream([request, request])
    return total + merged.order_id


async def wrong(orders: OrderServiceStub) -> None:
    """
    Mistakes, each of them found.
    """
    await orders.create(CloseApiCreate())  # type: ignore[arg-type]  # another message
    await orders.bd_stream().send(CloseApiCreate())  # type: ignore[arg-type]  # likewise
    await orders.create(OrderApiCreate(), timeout=[1])  # type: ignore[arg-type]  # no time
    async for order in orders.server_stream(OrderApiCreate()):
        text: str = order.order_id  # type: ignore[assignment]  # it is a number
        text.strip()
