"""
What a caller meets when a connection breaks, or when it is wrong about a method.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.errors import CallError, ConnectionLost, DeadlineExceeded, Unimplemented
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.spi.service import Service, method
from rpcfw.testing.lab_loop import LabLoop, LoopInPlace
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method, Shape


class Shapes(Service, name="demo.Shapes"):
    """
    One method that never answers, and some that stream.
    """

    @method
    async def hang(self) -> str:
        never: Waiter[str] = Waiter()
        return await never

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        total = 0
        async for number in numbers:
            total += number
        return total

    @method
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(1, to + 1):
            yield number


def unary(name: str) -> Method:
    """
    Return a method as one calls it who believes that it is unary.
    """
    return Method("demo.Shapes", name, Shape.UNARY, Any, Any, "json")


class BreaksTest(SynchronousTestCase):
    #: Whose scheduling it runs under.
    reactor = "epoll"

    def setUp(self) -> None:
        self.clock = Clock()
        self.place = LoopInPlace(LabLoop(self.clock) if self.reactor == "asyncio" else None)
        self.place.enter()
        self.memory = MemoryNetwork(self.clock)
        self.providers = [self.provider("a"), self.provider("b")]
        self.consumer = self.application(
            "registry.plugin=static",
            "registry.instances=demo.Shapes = memory:a, memory:b",
            "balancer.plugin=round_robin",
        )
        self.channel = self.consumer.channel("demo.Shapes")
        for each in (*self.providers, self.consumer):
            self.run_to_end(each.start())

    def tearDown(self) -> None:
        for each in (self.consumer, *self.providers):
            self.run_to_end(each.stop())
        self.place.leave()

    def application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        plan = read_plan(Sources.load(sets=sets))
        return Application(plan, self.clock, Random(1), Network(self.clock, self.memory), services)

    def provider(self, name: str) -> Application:
        sets = ("registry.plugin=memory", f"server.listen=memory:{name}")
        return self.application(*sets, services=(Shapes(),))

    def run_to_end(self, coroutine: Any) -> Any:
        running = spawn(coroutine)
        for _ in range(100):
            if running.called:
                break
            self.clock.advance(0.001)
        return self.successResultOf(running)

    def failed(self, coroutine: Any, cls: type[CallError]) -> CallError:
        running = spawn(coroutine)
        for _ in range(100):
            if running.called:
                break
            self.clock.advance(0.001)
        return self.failureResultOf(running, cls).value

    def test_a_call_begun_anew_goes_elsewhere(self) -> None:
        """
        Who calls again the moment that a connection is lost does not call into the void.
        """
        outcomes = []

        async def call_twice() -> None:
            try:
                await self.channel.call(unary("hang"), {})
            except ConnectionLost:
                outcomes.append(await self.channel.call(unary("total"), 7))

        both = [spawn(call_twice()), spawn(call_twice())]
        self.clock.pump([0.001] * 10)
        self.memory.connections[0].cut()
        self.clock.pump([0.001] * 10)

        assert [7] == outcomes
        for each in both:
            each.cancel()
            each.addErrback(lambda _: None)

    def test_a_message_without_a_stream_is_a_stream_of_one(self) -> None:
        """
        A method that takes a stream gets the one message of a caller that knows of none.
        """
        assert 7 == self.run_to_end(self.channel.call(unary("total"), 7))

    def test_a_stream_where_none_was_awaited(self) -> None:
        """
        A unary call of a method that streams fails alone: its connection lives.
        """
        for to in (3, 0):
            error = self.failed(self.channel.call(unary("count"), {"to": to}), Unimplemented)
            assert "method answer" in error.message
        assert all(each.open for each in self.memory.connections)

    def test_a_registry_that_says_nothing(self) -> None:
        """
        A call that waited for the registry alone says so when its time is over.
        """
        sets = ("registry.plugin=standalone", "registry.address=memory:nowhere")
        consumer = self.application(*sets)
        channel = consumer.channel("demo.Shapes")
        self.run_to_end(consumer.start())
        error = self.failed(channel.call(unary("hang"), {}, CallOptions(0.05)), DeadlineExceeded)
        assert "has not said where demo.Shapes is" in error.message
        self.run_to_end(consumer.stop())


class BreaksUnderAsyncioTest(BreaksTest):
    """
    The same, driven by asyncio's Tasks.
    """

    reactor = "asyncio"
