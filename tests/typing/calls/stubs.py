"""
Consumers on written stubs, for coroutines and for threads; for the comments see `coroutines`.
"""

from __future__ import annotations

from typing_extensions import reveal_type

import rpcfw
from tests.typing.orders.order_pb2 import CloseApiCreate, OrderApiCreate
from tests.typing.orders.order_rpc import OrderServiceBlockingStub, OrderServiceStub


async def coroutines(app: rpcfw.Application) -> None:
    """
    Options may also stand in the call.
    """
    orders = app.client(OrderServiceStub)
    request = OrderApiCreate(order_id=1)
    answer = await orders.create(request, timeout="500ms", metadata={"tenant": "blue"})
    reveal_type(answer)  # reveals: Order
    reveal_type(orders.server_stream(request))  # reveals: Stream[OrderApiCreate, Order]
    quick = rpcfw.with_options(orders, timeout=0.5)
    reveal_type(await quick.client_stream([request]))  # reveals: Order
    await orders.create(CloseApiCreate())  # wrong: arg-type, reportArgumentType
    await orders.create(request, timeout=[1])  # wrong: arg-type, reportArgumentType
    await orders.create(request, timout=1)  # wrong: call-arg, reportCallIssue


def threads() -> None:
    """
    A blocking stub returns the results themselves.
    """
    with rpcfw.blocking("consumer.ini") as app:
        orders = app.client(OrderServiceBlockingStub)
        request = OrderApiCreate(order_id=1)
        reveal_type(orders.create(request, timeout="500ms"))  # reveals: Order
        for order in orders.server_stream(request):
            reveal_type(order.order_id)  # reveals: int
        with orders.bd_stream() as stream:
            stream.send(request)
            reveal_type(next(stream))  # reveals: Order
        quick = rpcfw.with_options(orders, metadata={"tenant": "blue"})
        reveal_type(quick.client_stream([request]))  # reveals: Order
        orders.create(CloseApiCreate())  # wrong: arg-type, reportArgumentType
        text: str = orders.create(request)  # wrong: assignment, reportAssignmentType
        print(text)
