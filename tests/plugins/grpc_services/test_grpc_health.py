"""
grpc.health.v1, over the real wires in memory.
"""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rpcfw.errors import ApplicationError, Cancelled
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.contracts.builtin import BuiltinServiceContract, FixedHealthBoard
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.health import Health
from rpcfw_grpc.services.health import SCHEMA, GRPCHealth, HealthService
from tests.plugins.grpc_services.case import ServicesCase

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)
Request = SCHEMA.message("HealthCheckRequest")
ListRequest = SCHEMA.message("HealthListRequest")


class TestContract(BuiltinServiceContract):
    def make(self):
        return GRPCHealth(NoOptions(), plugin_context())


class HealthTest(ServicesCase):
    def check(self, service: str) -> int:
        return self.call(HealthService, "Check", Request(service=service)).status

    def listed(self) -> dict[str, int]:
        answer = self.call(HealthService, "List", ListRequest())
        return {name: each.status for name, each in answer.statuses.items()}

    def watch(self, service: str) -> list[Any]:
        """
        Return a list that grows with what a watcher is told; an error, or "end", is last.
        """
        told: list[Any] = []
        stream = self.stream(HealthService, "Watch", Request(service=service))
        self.addCleanup(stream.cancel)

        async def follow() -> None:
            try:
                while True:
                    told.append((await stream.__anext__()).status)
            except StopAsyncIteration:
                told.append("end")

        following: Deferred[None] = spawn(follow())
        following.addErrback(lambda failure: failure.trap(Cancelled))
        self.turn(turns=20)
        return told

    def test_a_server_and_its_services_serve(self) -> None:
        """
        Whoever listens serves, under the empty name and those of its services.
        """
        assert SERVING == self.check("")
        assert SERVING == self.check("demo.Plain")

    def test_an_unknown_service_is_not_found(self) -> None:
        """
        A check of a name that nobody has fails with NOT_FOUND and names it.
        """
        error = self.failed(HealthService, "Check", Request(service="demo.Nobody"))

        assert Status.NOT_FOUND is error.status
        assert "demo.Nobody" in error.message

    def test_code_may_say_otherwise(self) -> None:
        """
        What the application says of a service is what its probes are told.
        """
        health = self.provider.server.health
        health.set("demo.Plain", serving=False)
        health.set("database", serving=None)

        assert {"": SERVING, "demo.Plain": NOT_SERVING, "database": UNKNOWN} == self.listed()

        health.set("demo.Plain", serving=True)

        assert SERVING == self.check("demo.Plain")

    def test_watchers_are_told_of_changes_once(self) -> None:
        """
        A watcher gets the state as it is, then each change, and nothing twice.
        """
        told = self.watch("demo.Plain")
        health = self.provider.server.health
        for serving in (False, False, True):
            health.set("demo.Plain", serving=serving)
            health.set("other", serving=serving)
            self.turn(turns=20)

        assert [SERVING, NOT_SERVING, SERVING] == told

    def test_a_watched_name_may_come_later(self) -> None:
        """
        A watch of an unknown name stays open and tells when somebody has it.
        """
        told = self.watch("later")
        self.provider.server.health.set("later", serving=True)
        self.turn(turns=20)

        assert [SERVICE_UNKNOWN, SERVING] == told

    def test_a_leaving_server_tells_and_ends_its_watches(self) -> None:
        """
        Watchers hear NOT_SERVING before the stop, and no watch holds it up.
        """
        told = self.watch("")
        before = self.clock.seconds()
        self.run_to_end(self.provider.stop())

        assert [SERVING, NOT_SERVING, "end"] == told
        assert self.clock.seconds() - before < 1

    def test_a_watch_given_up_leaves_nothing(self) -> None:
        """
        Once its caller has gone, a watch is no longer called.
        """
        stream = self.stream(HealthService, "Watch", Request(service=""))
        following = spawn(stream.__anext__())
        self.turn(following)
        assert SERVING == self.successResultOf(following).status
        in_flight = self.provider.runtime.plugin_context.meter.gauge(
            "rpcfw_server_calls_in_flight", "", "service", "method"
        ).of("grpc.health.v1.Health", "Watch")
        assert 1 == in_flight.value

        stream.cancel()
        self.turn(turns=20)

        assert 0 == in_flight.value


class NativeHealthTest(HealthTest):
    """
    The same over the native wire: a service is a service.
    """

    wire = "native"


class TestLists:
    def test_a_list_has_a_limit(self) -> None:
        """
        A server that knows more than a hundred names refuses to list them.
        """
        board = FixedHealthBoard({f"service-{n}": Health.SERVING for n in range(101)})
        listing = HealthService(board).list(ListRequest())
        with pytest.raises(ApplicationError, match="one by one") as refused:
            listing.send(None)
        assert Status.RESOURCE_EXHAUSTED is refused.value.status

    def test_a_watch_that_ends_is_not_called_again(self) -> None:
        """
        The board knows of a watch as long as it lasts.
        """
        board = FixedHealthBoard({"": Health.SERVING})
        watch = HealthService(board).watch(Request())
        with pytest.raises(StopIteration):
            watch.__anext__().send(None)
        assert 1 == len(board.watching)
        with pytest.raises(StopIteration):
            watch.aclose().send(None)
        assert [] == board.watching
