"""
Ports of ``[inspection]``: a process shows itself to tools, whether it serves or only calls.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.cli.running import calls_only
from rpcfw.errors import CallError, SettingsError, Unauthenticated
from rpcfw.kernel.settings import Sources
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.values.address import Address
from rpcfw.values.method import Method, Shape
from rpcfw_grpc.services.channelz import SCHEMA, ChannelzService
from rpcfw_grpc.services.health import SCHEMA as HEALTH
from rpcfw_grpc.services.health import HealthService
from rpcfw_grpc.services.reflection import V1, ReflectionService
from tests.plugins.grpc_services.case import DECLARED, Plain, ServicesCase, method_of

LISTEN = "inspection.listen=memory:look"


class Refuses(Filter):
    """
    Lets nobody in.
    """

    async def apply(self, call: Any, proceed: Any) -> Any:
        raise Unauthenticated("nobody comes in here")


class InspectionCase(ServicesCase):
    def process(self, *sets: str, services: Any = ()) -> Any:
        """
        Start a process with an inspection port, to be stopped at the end.
        """
        started = self.application(LISTEN, *sets, services=services)
        self.run_to_end(started.start())
        self.addCleanup(lambda: self.run_to_end(started.stop()))
        return started

    def begin(self, service: Any, name: str, request: Any) -> Any:
        """
        Begin a call at the inspection port, on a connection of its own.
        """
        open_channel = self.consumer.runtime.plugin_context.open_channel
        channel = open_channel(Address("memory", "look"), self.wire)
        self.addCleanup(lambda: self.run_to_end(channel.close()))
        return spawn(channel.call(method_of(service, name), request))

    def look(self, service: Any, name: str, request: Any) -> Any:
        running = self.begin(service, name, request)
        self.turn(running)
        return self.successResultOf(running)

    def channelz(self, name: str, **fields: Any) -> Any:
        request = SCHEMA.message(f"{name}Request")(**fields)
        return self.look(ChannelzService, name, request)

    def health(self, service: str = "") -> Any:
        request = HEALTH.message("HealthCheckRequest")(service=service)
        return self.look(HealthService, "Check", request).status


class CallerTest(InspectionCase):
    def test_a_process_that_only_calls(self) -> None:
        """
        A process without services shows what it calls, its health, and the port itself.
        """
        process = self.process("registry.plugin=static", f"client.protocols={self.wire}")
        self.run_to_end(process.client(Plain).say("bob"))

        assert process.server is None
        (channel,) = self.channelz("GetTopChannels").channel
        assert ("demo.Plain", 1) == (channel.data.target, channel.data.calls_started)
        (server,) = self.channelz("GetServers").server
        assert ["memory:look"] == [each.name for each in server.listen_socket]
        assert 1 == self.health()

    def test_it_has_the_limits_of_the_server(self) -> None:
        """
        More connections than [server] max_connections are closed at this port as well.
        """
        limits = ("server.max_connections=1", "server.max_connections_per_address=1")
        self.process("registry.plugin=static", *limits)
        assert 1 == self.health()
        request = HEALTH.message("HealthCheckRequest")()
        refused = self.begin(HealthService, "Check", request)
        self.clock.advance(5)
        self.turn(refused)
        assert Status.UNAVAILABLE is self.failureResultOf(refused, CallError).value.status

    def test_it_has_the_filters_of_the_server(self) -> None:
        """
        Who may not call the server may not look at the process either.
        """
        self.process(
            "registry.plugin=static",
            f"plugins.filters.refuses={__name__}:Refuses",
            "server.insert=refuses after AUTH",
        )
        refused = self.begin(HealthService, "Check", HEALTH.message("HealthCheckRequest")())
        self.turn(refused)
        self.failureResultOf(refused, Unauthenticated)

    def test_a_call_without_the_types(self) -> None:
        """
        It answers who knows no Protobuf, as ``rpcfw call`` does, in JSON.
        """
        self.process("registry.plugin=static")
        open_channel = self.consumer.runtime.plugin_context.open_channel
        channel = open_channel(Address("memory", "look"), self.wire)
        self.addCleanup(lambda: self.run_to_end(channel.close()))
        method = Method("grpc.health.v1.Health", "Check", Shape.UNARY, Any, Any, "json")
        assert {"status": "SERVING"} == self.run_to_end(channel.call(method, {}))


class NativeCallerTest(CallerTest):
    wire = "native"


class ServerTest(InspectionCase):
    def test_a_process_that_serves(self) -> None:
        """
        A port of its own shows the server of the process: its calls, and its services' health.
        """
        process = self.process(
            "registry.plugin=memory",
            "server.listen=memory:b",
            "server.protocols=grpc",
            services=(Plain(),),
        )
        (server,) = self.channelz("GetServers").server
        assert ["memory:b"] == [each.name for each in server.listen_socket]
        assert 0 == server.data.calls_started
        assert 1 == self.health("demo.Plain")
        process.server.health.set("demo.Plain", False)
        assert 2 == self.health("demo.Plain")

    def test_reflection_shows_what_both_ports_serve(self) -> None:
        """
        A tool finds the services of the process, and those about it that it asks here.
        """
        self.process("registry.plugin=memory", "server.listen=memory:b", services=(Plain(),))
        open_channel = self.consumer.runtime.plugin_context.open_channel
        channel = open_channel(Address("memory", "look"), self.wire)
        self.addCleanup(lambda: self.run_to_end(channel.close()))
        asked = [V1.message("ServerReflectionRequest")(list_services="*")]
        stream = channel.stream(method_of(ReflectionService, "ServerReflectionInfo"), asked)
        answer = self.run_to_end(anext(stream))
        names = [each.name for each in answer.list_services_response.service]
        assert {"demo.Plain", "grpc.channelz.v1.Channelz", "grpc.health.v1.Health"} <= {*names}
        assert sorted(names) == names


def plan(*sets: str) -> Any:
    return read_plan(Sources.load(sets=[*DECLARED, "registry.plugin=memory", *sets]))


def test_commands_that_call_open_no_port() -> None:
    """
    A command of ours that is given the file of a process does not take its port.
    """
    assert plan(LISTEN).inspection.listen
    assert not calls_only(plan(LISTEN)).inspection.listen


@pytest.mark.parametrize(
    ("sets", "told"),
    [
        (["inspection.services="], "[inspection] services: name at least one"),
        (["inspection.services=grpc_helth"], "[inspection] services: no plugin is called"),
        (["inspection.listen=tls:a:1"], "[inspection] listen: tls:a:1 needs a certificate"),
    ],
)
def test_mistakes(sets: list[str], told: str) -> None:
    """
    What is wrong is found with the configuration, and named by its own section.
    """
    with pytest.raises(SettingsError) as caught:
        plan(LISTEN, *sets)
    assert told in str(caught.value)
