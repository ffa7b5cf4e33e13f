"""
Calls com.acme.OrderService, a service in Java, over Dubbo's protocol.

Written by `rpcfw java-stubs` from the definition of version 1.0.0, application java-provider.
Do not edit: write it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import rpcfw
from rpcfw.errors import Unimplemented
from rpcfw_hessian import Int, Long, java

__all__ = [
    "Line",
    "Node",
    "Order",
    "OrderService",
    "State",
]


@java("com.acme.Line")
@dataclass
class Line:
    """
    ``com.acme.Line`` in Java.
    """

    count: Int = 0
    sku: str | None = None


@java("com.acme.Node")
@dataclass
class Node:
    """
    ``com.acme.Node`` in Java.
    """

    name: str | None = None
    next: Node | None = None


@java("com.acme.Order")
@dataclass
class Order:
    """
    ``com.acme.Order`` in Java.
    """

    created: datetime | None = None
    customer: str | None = None
    id: Long = 0
    labels: dict[str, str] | None = None
    lines: list[Line] | None = None
    paid: bool = False
    price: Decimal | None = None
    state: State | None = None
    weight: float = 0.0


@java("com.acme.State")
class State(Enum):
    """
    ``com.acme.State`` in Java.
    """

    NEW = "NEW"
    PAID = "PAID"
    SHIPPED = "SHIPPED"


class OrderService(rpcfw.Service, name="com.acme.OrderService"):
    """
    ``com.acme.OrderService`` in Java.
    """

    # In Java: List<Order> all(int)
    @rpcfw.method
    async def all(self, arg0: Int) -> list[Order] | None:
        raise Unimplemented("com.acme.OrderService/all is declared but not written")

    # In Java: String attachment(String)
    @rpcfw.method
    async def attachment(self, arg0: str | None) -> str | None:
        raise Unimplemented("com.acme.OrderService/attachment is declared but not written")

    # In Java: void crash(String)
    @rpcfw.method
    async def crash(self, arg0: str | None) -> None:
        raise Unimplemented("com.acme.OrderService/crash is declared but not written")

    # In Java: Map<String, Object> describe(Map<String, Object>)
    @rpcfw.method
    async def describe(self, arg0: dict[str, Any] | None) -> dict[str, Any] | None:
        raise Unimplemented("com.acme.OrderService/describe is declared but not written")

    # In Java: Order echo(Order)
    @rpcfw.method
    async def echo(self, arg0: Order | None) -> Order | None:
        raise Unimplemented("com.acme.OrderService/echo is declared but not written")

    # In Java: Order get(long)
    @rpcfw.method
    async def get(self, arg0: Long) -> Order | None:
        raise Unimplemented("com.acme.OrderService/get is declared but not written")

    # In Java: Date later(Date, long)
    @rpcfw.method
    async def later(self, arg0: datetime | None, arg1: Long) -> datetime | None:
        raise Unimplemented("com.acme.OrderService/later is declared but not written")

    # In Java: Node loop(Node)
    @rpcfw.method
    async def loop(self, arg0: Node | None) -> Node | None:
        raise Unimplemented("com.acme.OrderService/loop is declared but not written")

    # In Java: State next(State)
    @rpcfw.method
    async def next(self, arg0: State | None) -> State | None:
        raise Unimplemented("com.acme.OrderService/next is declared but not written")

    # In Java: String nothing(String)
    @rpcfw.method
    async def nothing(self, arg0: str | None) -> str | None:
        raise Unimplemented("com.acme.OrderService/nothing is declared but not written")

    # In Java: byte[] reverse(byte[])
    @rpcfw.method
    async def reverse(self, arg0: bytes | None) -> bytes | None:
        raise Unimplemented("com.acme.OrderService/reverse is declared but not written")

    # In Java: String say(int)
    @rpcfw.method(name="say(int)")
    async def say_int(self, arg0: Int) -> str | None:
        raise Unimplemented("com.acme.OrderService/say is declared but not written")

    # In Java: String say(String)
    @rpcfw.method(name="say(java.lang.String)")
    async def say_string(self, arg0: str | None) -> str | None:
        raise Unimplemented("com.acme.OrderService/say is declared but not written")

    # In Java: String sleep(int)
    @rpcfw.method
    async def sleep(self, arg0: Int) -> str | None:
        raise Unimplemented("com.acme.OrderService/sleep is declared but not written")

    # In Java: void take(String, int)
    @rpcfw.method
    async def take(self, arg0: str | None, arg1: Int) -> None:
        raise Unimplemented("com.acme.OrderService/take is declared but not written")

    # In Java: BigDecimal total(Order)
    @rpcfw.method
    async def total(self, arg0: Order | None) -> Decimal | None:
        raise Unimplemented("com.acme.OrderService/total is declared but not written")
