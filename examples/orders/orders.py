"""
Orders, served without generated code: the proto file is read as this module is loaded.

The base class comes from the proto's descriptors, so nothing here is tied to a
release of protobuf. README.md shows the same provider on code written by protoc.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rpcfw.codegen.dynamic import services_from_proto
from rpcfw.errors import ApplicationError
from rpcfw.status import Status

services = services_from_proto(Path(__file__).with_name("order.proto"))

OrderService: Any = services["order.v1.OrderService"]
Order: Any = services.message("order.v1.Order")
OrderApiCreate: Any = services.message("order.v1.OrderApiCreate")
CloseApiCreate: Any = services.message("order.v1.CloseApiCreate")


class Orders(OrderService):  # type: ignore[misc]  # its base is made at run time
    """
    Keeps its orders in memory.
    """

    def __init__(self) -> None:
        self._orders: dict[int, Any] = {}

    async def create(self, request: Any) -> Any:
        """
        Make an order.
        """
        if request.order_id in self._orders:
            raise ApplicationError(
                Status.ALREADY_EXISTS, f"there is an order {request.order_id}; choose another id"
            )
        order = self._orders[request.order_id] = _order(request)
        return order

    def close(self, request: Any) -> Any:
        """
        Close an order; a plain function does as well as a coroutine.
        """
        return self._orders.pop(request.order_id, None) or Order(order_id=request.order_id)

    async def server_stream(self, request: Any) -> AsyncIterator[Any]:
        """
        Tell what becomes of an order.
        """
        for state in ("accepted", "packed", "sent"):
            order = _order(request)
            order.remark = state
            yield order

    async def client_stream(self, requests: AsyncIterator[Any]) -> Any:
        """
        Merge orders into the first of them.
        """
        merged = Order()
        async for request in requests:
            merged.order_id = merged.order_id or request.order_id
            merged.user_id.extend(request.user_id)
        return merged

    async def bd_stream(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """
        Answer each order as it comes.
        """
        async for request in requests:
            yield _order(request)


def _order(request: Any) -> Any:
    return Order(
        order_id=request.order_id,
        user_id=request.user_id,
        remark=request.remark,
        reason_id=request.reason_id,
    )
