"""
Three programs of a shop: one has the stock, one takes orders, one places orders without end.

``python -m tests.real.console_fleet.shop stock|orders|web FILE.ini``
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

import attrs
from twisted.internet import reactor

import rpcfw
from rpcfw.errors import ApplicationError, CallError
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.status import Status

#: Between two orders.
PAUSE_S = 0.02
#: One order in so many is for what nobody sells.
WRONG_EVERY = 50


class Speed(Enum):
    NORMAL = "normal"
    EXPRESS = "express"


@attrs.frozen
class Receipt:
    item: str
    amount: int
    speed: Speed


class Stock(rpcfw.Service, name="shop.Stock"):
    @rpcfw.method(idempotent=True)
    async def reserve(self, item: str, amount: int) -> int:
        if item == "unicorn":
            raise ApplicationError(Status.NOT_FOUND, "nobody sells a unicorn")
        return amount


class Orders(rpcfw.Service, name="shop.Orders"):
    def __init__(self, app: Callable[[], rpcfw.Application]) -> None:
        self._app = app

    @rpcfw.method(idempotent=True)
    async def place(self, item: str, amount: int = 1, speed: Speed = Speed.NORMAL) -> Receipt:
        await self._app().client(Stock).reserve(item, amount)
        return Receipt(item, amount, speed)


async def place_orders(app: rpcfw.Application) -> None:
    """
    Place orders without end.
    """
    number = 0
    while True:
        number += 1
        with suppress(CallError):
            item = f"book {number}" if number % WRONG_EVERY else "unicorn"
            await app.client(Orders).place(item)
        await sleep(reactor, PAUSE_S)


async def serve(app: rpcfw.Application) -> None:
    """
    Serve without end.
    """
    never: Waiter[None] = Waiter()
    await never


def main(role: str, file: str) -> None:
    """
    Run one of the programs.
    """
    services: dict[str, tuple[Any, ...]] = {
        "stock": (Stock(),),
        "orders": (Orders(lambda: app),),
        "web": (),
    }
    app = rpcfw.Application.from_ini(file, services=services[role])

    async def program() -> None:
        await (serve(app) if services[role] else place_orders(app))

    app.run(program)


if __name__ == "__main__":
    main(*sys.argv[1:])
