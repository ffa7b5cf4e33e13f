"""
A service with what Java knows and Python does not: overloading, and classes by their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from rpcfw import Service, blocking, context, method
from rpcfw.errors import ApplicationError, Overloaded
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint, Status
from rpcfw_hessian import Long, java

__all__ = ["Line", "OutOfStock", "Shop"]


@java("com.acme.Line")
@dataclass
class Line:
    """
    One line of an order.
    """

    sku: str
    count: int = 1
    price: Decimal = Decimal(0)


@java("com.acme.OutOfStock")
class OutOfStock(Exception):
    """
    An exception that consumers know.
    """

    sku: str = ""

    def __init__(self, message: str, sku: str = "") -> None:
        super().__init__(message)
        self.sku = sku


@java("com.acme.Node")
@dataclass
class Node:
    """
    May refer to itself.
    """

    name: str
    others: list[Node] = field(default_factory=list)


class Shop(Service, name="com.acme.Shop"):
    """
    Notes what it was called with.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.seen = []

    @method(idempotent=True)
    async def say(self, name: str) -> str:
        return f"hi {name}"

    @method(name="say(int)")
    async def say_number(self, number: int) -> str:
        return f"number {number}"

    @method(name="say(java.lang.String,long)")
    async def say_often(self, name: str, times: Long) -> str:
        return name * times

    @method
    async def price(self, lines: list[Line], discount: float = 0.0) -> Decimal | None:
        if not lines:
            return None
        return sum((line.count * line.price for line in lines), Decimal(0)) - Decimal(discount)

    @method
    async def loop(self, node: Node) -> Node:
        return node

    @method
    async def who(self) -> str:
        call = context()
        call.send_metadata({"served-by": "python"})
        call.send_trailers({"cost": "3"})
        pairs = sorted((name, value) for name, value in call.metadata)
        return f"{call.caller} {pairs}"

    @method
    async def take(self, sku: str) -> None:
        raise OutOfStock("no more of it", sku)

    @method
    async def drop(self) -> None:
        raise OutOfStock("no more of it", object())

    @method
    async def crash(self) -> None:
        raise ValueError("a secret")

    @method
    async def refuse(self) -> None:
        raise ApplicationError(
            Status.NOT_FOUND, "no such order", hints=Hint.FINAL, details=b"\x08\x05"
        )

    @method
    async def busy(self) -> None:
        raise Overloaded("come back", retry_after_s=1.5)

    @method
    async def wait(self, seconds: float) -> str:
        await sleep(self.clock, seconds)
        return "done"

    @method
    @blocking
    def block(self) -> str:
        return "unblocked"

    @method(one_way=True)
    async def note(self, text: str) -> None:
        self.seen.append(text)
