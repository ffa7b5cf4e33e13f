"""
What a process shows of the services that it calls.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.client.inspection import ClientInspection
from rpcfw.errors import ApplicationError, CallError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.inspection import CalledNode, CalledService, Connectivity
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork


class Doings(Service, name="demo.Doings"):
    """
    Methods that end in every way.
    """

    @method
    async def do(self) -> str:
        return "done"

    @method
    async def fail(self) -> str:
        raise ApplicationError(Status.ABORTED, "no")

    @method
    async def hang(self) -> str:
        never: Waiter[str] = Waiter()
        return await never

    @method
    async def count(self, most: int) -> AsyncIterator[int]:
        for number in range(most):
            yield number
        if not most:
            raise ApplicationError(Status.ABORTED, "nothing to count")

    @method
    async def drip(self) -> AsyncIterator[int]:
        yield 1
        never: Waiter[int] = Waiter()
        yield await never

    @method(one_way=True)
    async def note(self) -> None:
        """
        Say nothing.
        """


def unexplained(*asked: Any) -> Any:
    """
    Fail: nothing here is explained.
    """
    raise AssertionError(asked)


class ClientInspectionTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.server = self.application(
            "registry.plugin=memory", "server.listen=memory:a", services=(Doings(),)
        )
        self.caller = self.application(
            "registry.plugin=static",
            "registry.instances=demo.Doings = memory:a\ndemo.Away = memory:b",
            "retry.plugin=never",
        )
        self.clients = ClientInspection(lambda: self.caller.clients, unexplained)
        self.doings = self.caller.client(Doings)
        self.ended(self.server.start())

    def tearDown(self) -> None:
        for each in (self.caller, self.server):
            self.ended(each.stop())

    def application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        plan = read_plan(Sources.load(sets=sets))
        return Application(plan, self.clock, Random(1), Network(self.clock, self.memory), services)

    def ended(self, coroutine: Any) -> Any:
        """
        Return what a coroutine came to, an error too.
        """
        running = spawn(coroutine)
        running.addErrback(lambda failure: failure.trap(CallError) and failure.value)
        self.turn(running)
        return self.successResultOf(running)

    def turn(self, running: Any = None) -> None:
        for _ in range(100):
            if running is not None and running.called:
                break
            self.clock.advance(0.001)

    def start(self) -> None:
        self.ended(self.caller.start())
        self.turn()

    def service(self) -> CalledService:
        (service,) = self.clients.services()
        return service

    def node(self) -> CalledNode:
        ((id, _),) = self.service().nodes
        node = self.clients.node(id)
        assert node is not None
        return node

    def test_before_and_after_its_life(self) -> None:
        """
        A client waits for word of its service, is ready, and is shut down in the end.
        """
        assert Connectivity.CONNECTING is self.service().state
        assert self.service().last_call_at is None
        self.start()
        assert Connectivity.READY is self.service().state
        assert ("memory:a", Connectivity.READY) == (str(self.node().address), self.node().state)

        self.ended(self.caller.stop())
        assert Connectivity.SHUTDOWN is self.service().state
        assert () == self.service().nodes

    def test_a_node_that_is_away(self) -> None:
        """
        A node that refuses connections is in TRANSIENT_FAILURE, and so is its service.
        """
        self.start()
        self.caller.channel("demo.Away")
        self.turn()
        away = self.clients.services()[1]
        node = self.clients.node(away.nodes[0][0])

        assert ("demo.Away", Connectivity.TRANSIENT_FAILURE) == (away.name, away.state)
        assert node is not None
        assert (Connectivity.TRANSIENT_FAILURE, ()) == (node.state, node.connections)

    def test_calls_by_how_they_ended(self) -> None:
        """
        A good end, a bad one, one given up: each counts once, everywhere.
        """
        self.start()
        self.clock.advance(100)
        self.ended(self.doings.do())
        self.ended(self.doings.fail())
        at = self.clock.seconds()
        hanging = spawn(self.doings.hang())
        self.turn()
        assert at == self.service().last_call_at
        self.counted(3, 1, 1)

        hanging.cancel()
        hanging.addErrback(lambda _: None)
        self.counted(3, 1, 2)
        self.ended(self.doings.hang(timeout=0.01))
        self.counted(4, 1, 3)

    def test_streams_and_one_way_calls(self) -> None:
        """
        A stream is open until its end, which may be a bad one; a call without answer is good.
        """
        self.start()
        stream = self.doings.drip()
        self.ended(stream.__anext__())
        self.counted(1, 0, 0)
        stream.cancel()
        self.counted(1, 0, 1)
        self.ended(_all(self.doings.count(2)))
        self.counted(2, 1, 1)
        self.ended(_all(self.doings.count(0)))
        self.counted(3, 1, 2)
        self.ended(self.doings.note())
        self.counted(4, 2, 2)

    def counted(self, *expected: int) -> None:
        node = self.node()
        assert expected == tuple(self.service().calls)
        assert expected == tuple(node.calls)
        assert [expected] == [tuple(each.calls) for each in node.connections]

    def test_a_lost_connection_is_counted_on(self) -> None:
        """
        The calls of a connection that is gone stay in its node; the next has an id of its own.
        """
        self.start()
        self.ended(self.doings.do())
        hanging = spawn(self.doings.hang())
        hanging.addErrback(lambda _: None)
        self.turn()
        (before,) = self.node().connections
        assert before.id == getattr(self.clients.connection(before.id), "id", None)

        (node,) = self.caller.clients[0].nodes
        node.links.driver.abort("cut")
        assert (2, 1, 1) == tuple(self.node().calls)
        assert () == self.node().connections
        assert self.clients.connection(before.id) is None

        self.clock.pump([1.0] * 5)
        (after,) = self.node().connections
        assert before.id < after.id
        assert before.created_at < after.created_at
        assert (0, 0, 0) == tuple(after.calls)
        assert (2, 1, 1) == tuple(self.node().calls)

    def test_what_is_gone_is_not_found(self) -> None:
        """
        Ids that nothing has, or nothing has any more, lead nowhere.
        """
        assert self.clients.service(7) is None
        assert self.clients.node(7) is None
        assert self.clients.connection(7) is None
        self.start()
        node = self.node()
        self.ended(self.caller.stop())
        gc.collect()

        assert self.clients.node(node.id) is None
        assert self.clients.connection(node.connections[0].id) is None

    def test_a_way_to_ask_for_one(self) -> None:
        """
        A service is found by the id that the list gives it, the same each time.
        """
        self.caller.channel("demo.Away")
        first, second = self.clients.services()

        assert (1, 2) == (first.id, second.id)
        assert "demo.Away" == getattr(self.clients.service(second.id), "name", None)
        assert [1, 2] == [each.id for each in self.clients.services()]


async def _all(stream: Any) -> list[Any]:
    return [each async for each in stream]
