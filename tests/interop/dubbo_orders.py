"""
The service of the Java interface ``com.acme.OrderService``, in Python.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any

import rpcfw
from rpcfw_hessian.annotations import Long, java


@java("com.acme.State")
class State(Enum):
    NEW = "NEW"
    PAID = "PAID"
    SHIPPED = "SHIPPED"


@java("com.acme.Line")
@dataclass
class Line:
    sku: str | None = None
    count: int = 0


@java("com.acme.Order")
@dataclass
class Order:
    id: Long = 0
    customer: str | None = None
    state: State | None = None
    created: datetime | None = None
    price: Decimal | None = None
    paid: bool = False
    weight: float = 0.0
    lines: list[Line] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


@java("com.acme.Node")
@dataclass
class Node:
    name: str | None = None
    next: Node | None = None


@java("com.acme.OutOfStock")
class OutOfStock(Exception):
    sku: str
    left: int

    def __init__(self, message: str, sku: str = "", left: int = 0) -> None:
        super().__init__(message)
        self.sku, self.left = sku, left


#: 2023-11-14T22:13:20.123Z
CREATED = datetime.fromtimestamp(1700000000, timezone.utc) + timedelta(milliseconds=123)


class OrderService(rpcfw.Service, name="com.acme.OrderService"):
    """
    What the consumers in Java call.
    """

    @rpcfw.method(idempotent=True)
    async def get(self, id: Long) -> Order | None:
        price = Decimal("12.50")
        labels = {"color": "red"}
        return Order(id, "bob", State.NEW, CREATED, price, True, 0.5, [Line("a", 2)], labels)

    @rpcfw.method
    async def all(self, count: int) -> list[Order]:
        return [Order(id=number, customer=f"c{number}") for number in range(count)]

    @rpcfw.method
    async def echo(self, order: Order | None) -> Order | None:
        return order

    @rpcfw.method
    async def loop(self, node: Node | None) -> Node | None:
        return node

    @rpcfw.method
    async def total(self, order: Order) -> Decimal:
        return sum((line.count * (order.price or Decimal()) for line in order.lines), Decimal())

    @rpcfw.method
    async def next(self, state: State) -> State:
        states = list(State)
        return states[(states.index(state) + 1) % len(states)]

    @rpcfw.method
    async def later(self, when: datetime, millis: Long) -> datetime:
        return when + timedelta(milliseconds=millis)

    @rpcfw.method
    async def describe(self, given: dict[str, Any]) -> dict[str, Any]:
        return {**given, "count": len(given)}

    @rpcfw.method
    async def reverse(self, data: bytes) -> bytes:
        return data[::-1]

    @rpcfw.method
    async def nothing(self, given: str | None) -> str | None:
        return given

    @rpcfw.method
    async def say(self, name: str) -> str:
        return f"hi {name}"

    @rpcfw.method(name="say(int)")
    async def say_number(self, number: int) -> str:
        return f"hi number {number}"

    @rpcfw.method
    async def attachment(self, name: str) -> str:
        context = rpcfw.context()
        context.send_metadata({"served-by": "python"})
        return f"{name}={context.metadata.get(name)} from {context.caller}"

    @rpcfw.method
    async def take(self, sku: str, count: int) -> None:
        raise OutOfStock(f"{count} are too many", sku, 3)

    @rpcfw.method
    async def crash(self, text: str) -> None:
        raise RuntimeError(text)

    @rpcfw.method
    @rpcfw.blocking
    def sleep(self, millis: int) -> str:
        time.sleep(millis / 1000)
        return "awake"
