"""
What a server shows of its connections, and what it does with what describes it.
"""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.errors import ApplicationError, CallError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Inspection
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


class Page(Service, name="demo.Page"):
    """
    Describes the server.
    """

    @method
    async def read(self) -> str:
        return "all is well"


class PagePlugin(BuiltinService):
    """
    Keeps what it was shown.
    """

    made: ClassVar[list[PagePlugin]] = []

    def services(self, inspection: Inspection) -> list[Service]:
        self.inspection = inspection
        self.steps: list[str] = []
        self.made.append(self)
        return [Page()]

    async def start(self) -> None:
        self.steps.append("start")

    async def stop(self) -> None:
        self.steps.append("stop")


class InspectionTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.server = self.application(
            "registry.plugin=memory",
            "server.listen=memory:a",
            "server.builtin=page",
            f"plugins.services.page={__name__}:PagePlugin",
            services=(Doings(),),
        )
        self.caller = self.application(
            "registry.plugin=static", "registry.instances=demo.Doings = memory:a"
        )
        self.client = self.caller.client(Doings)
        self.plugin = PagePlugin.made[-1]
        for each in (self.server, self.caller):
            self.ended(each.start())

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
        for _ in range(100):
            if running.called:
                break
            self.clock.advance(0.001)
        return self.successResultOf(running)

    def calls(self) -> list[tuple[int, int, int]]:
        """
        Return the counts of each open connection.
        """
        return [tuple(each.calls) for each in self.plugin.inspection.connections()]

    def test_calls_are_counted_by_how_they_ended(self) -> None:
        """
        A good end, a bad one, one given up and one out of time: each counts once.
        """
        self.ended(self.client.do())
        self.ended(self.client.fail())
        assert [(2, 1, 1)] == self.calls()

        given_up = spawn(self.client.hang())
        self.clock.pump([0.001] * 5)
        assert [(3, 1, 1)] == self.calls()
        given_up.cancel()
        given_up.addErrback(lambda _: None)
        self.clock.pump([0.001] * 5)
        assert [(3, 1, 2)] == self.calls()

        self.ended(self.client.hang(timeout=0.01))
        self.clock.pump([0.001] * 50)
        assert [(4, 1, 3)] == self.calls()

    def test_a_closed_connection_is_counted_on(self) -> None:
        """
        The server's sum keeps what came over connections that are gone; open calls failed.
        """
        self.ended(self.client.do())
        hanging = spawn(self.client.hang())
        hanging.addErrback(lambda _: None)
        self.clock.pump([0.001] * 5)
        self.memory.connections[0].cut()
        self.clock.pump([0.001] * 5)

        assert [] == self.calls()
        assert (2, 1, 1) == tuple(self.plugin.inspection.calls)

    def test_a_connection_tells_who_and_what(self) -> None:
        """
        Peer, wire and time are shown, and an id that is never given again.
        """
        self.ended(self.client.do())
        (connection,) = self.plugin.inspection.connections()

        assert (1, "native") == (connection.id, connection.protocol)
        assert connection.peer
        assert 0 <= connection.created_at <= self.clock.seconds()

    def test_what_describes_is_served_and_not_announced(self) -> None:
        """
        A builtin service is among the served ones and has no health of its own.
        """
        inspection = self.plugin.inspection
        shown = {each.name: each.builtin for each in inspection.services()}

        assert {"demo.Doings": False, "demo.Page": True} == shown
        assert ["do", "fail", "hang"] == [m.name for m in inspection.services()[0].methods]
        assert {"", "demo.Doings"} == set(inspection.health.all())
        assert ["memory:a"] == [str(address) for address in inspection.addresses]
        assert ("demo.Doings",) == self.ended(self.server.registry.services())

    def test_the_plugin_lives_as_long_as_the_server(self) -> None:
        """
        It is started before the services and stopped after them.
        """
        assert ["start"] == self.plugin.steps
        self.ended(self.server.stop())
        assert ["start", "stop"] == self.plugin.steps
