"""
Services of tests that look at traces.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from opentelemetry import trace
from twisted.internet.defer import Deferred, inlineCallbacks

import rpcfw
from rpcfw import ApplicationError, Service, Status, blocking, method
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint

__all__ = ["NONE", "TRACING", "Front", "Kitchen", "Shop", "chain"]

TRACING = "tracing.plugin=otel"
NONE = "tracing.sample=0%"


class Shop(Service, name="demo.Shop"):
    """
    Refuses as often as it is told to.
    """

    def __init__(self, refusals=0, error=None):
        self.refusals = refusals
        self.error = error
        self.metadata = []

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        self.metadata.append(rpcfw.context().metadata)
        if self.refusals:
            self.refusals -= 1
            raise ApplicationError(Status.UNAVAILABLE, "come again", hints=Hint.SAFE_TO_REPEAT)
        if self.error is not None:
            raise self.error
        return f"item {key}"

    @method
    async def all(self, count: int) -> AsyncIterator[str]:
        for key in range(count):
            yield f"item {key}"
        if self.error is not None:
            raise self.error


class Front(Service, name="demo.Front"):
    """
    Asks the shop.
    """

    def __init__(self):
        self.shop = None

    @method
    async def buy(self, key: int) -> str:
        return await self.shop.get(key)


class Kitchen(Service, name="demo.Kitchen"):
    """
    Notes the trace wherever code of a method may run.
    """

    def __init__(self, clock):
        self.clock = clock
        self.seen = set()

    def note(self):
        self.seen.add(trace.get_current_span().get_span_context().trace_id)
        return "noted"

    @method
    async def coroutine(self) -> str:
        self.note()
        await sleep(self.clock, 1)
        return self.note()

    @method
    def plain(self) -> str:
        return self.note()

    @method
    @inlineCallbacks
    def deferred(self) -> Deferred[str]:
        waiting = Deferred()
        self.clock.callLater(1, waiting.callback, None)
        self.note()
        yield waiting
        return self.note()

    @method
    @blocking
    def thread(self) -> str:
        return self.note()

    @method
    async def stream(self) -> AsyncIterator[str]:
        yield self.note()
        await sleep(self.clock, 1)
        yield self.note()


def chain(lab, shop, *sets):
    """
    Start a shop and what stands before it, and return what calls that.
    """
    front = Front()
    lab.serve(shop, sets=sets)
    front.shop = lab.serve(front, sets=sets).application.client(Shop)
    return lab.consumer(*sets).application.client(Front)
