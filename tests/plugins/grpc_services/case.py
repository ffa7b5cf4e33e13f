"""
One server with the standard services and its caller, in memory, over gRPC.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.errors import CallError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.values.method import Method

__all__ = ["Plain", "ServicesCase"]

DECLARED = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "plugins.services.grpc_health=rpcfw_grpc.services.health:GRPCHealth",
    "plugins.services.grpc_reflection=rpcfw_grpc.services.reflection:GRPCReflection",
    "plugins.services.grpc_channelz=rpcfw_grpc.services.channelz:GRPCChannelz",
    "app.protocols=native, grpc",
)


class Plain(Service, name="demo.Plain"):
    """
    A service without a proto file.
    """

    @method
    async def say(self, name: str) -> str:
        if not name:
            raise ValueError("nobody")
        return f"hello {name}"


class ServicesCase(SynchronousTestCase):
    """
    The server listens at ``memory:a``.
    """

    wire = "grpc"
    server_sets: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.provider = self.application(
            "registry.plugin=memory",
            "server.listen=memory:a",
            "server.protocols=native, grpc",
            "server.builtin=grpc_health, grpc_reflection, grpc_channelz",
            *self.server_sets,
            services=self.services(),
        )
        self.consumer = self.application("registry.plugin=static", f"client.protocols={self.wire}")
        for each in (self.provider, self.consumer):
            self.run_to_end(each.start())

    def tearDown(self) -> None:
        for each in (self.consumer, self.provider):
            self.run_to_end(each.stop())

    def services(self) -> tuple[Service, ...]:
        return (Plain(),)

    def application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        known = [type(service).service_name for service in self.services()]
        known += ["grpc.health.v1.Health", "grpc.channelz.v1.Channelz"]
        known += [f"grpc.reflection.{v}.ServerReflection" for v in ("v1", "v1alpha")]
        if "registry.plugin=static" in sets:
            lines = "\n".join(f"{name} = memory:a protocols={self.wire}" for name in known)
            sets = (*sets, f"registry.instances={lines}")
        plan = read_plan(Sources.load(sets=[*DECLARED, *sets]))
        network = Network(self.clock, self.memory)
        return Application(plan, self.clock, Random(1), network, services)

    def call(self, service: type[Service], name: str, request: Any) -> Any:
        """
        Return the answer to a call of one message.
        """
        channel = self.consumer.channel(service.service_name)
        return self.run_to_end(channel.call(method_of(service, name), request))

    def failed(self, service: type[Service], name: str, request: Any) -> CallError:
        """
        Return the error that a call ends with.
        """
        channel = self.consumer.channel(service.service_name)
        running = spawn(channel.call(method_of(service, name), request))
        self.turn(running)
        error: CallError = self.failureResultOf(running, CallError).value
        return error

    def stream(self, service: type[Service], name: str, request: Any = None) -> Any:
        """
        Begin a call that streams.
        """
        channel = self.consumer.channel(service.service_name)
        return channel.stream(method_of(service, name), request)

    def run_to_end(self, coroutine: Any) -> Any:
        running = spawn(coroutine)
        self.turn(running)
        return self.successResultOf(running)

    def turn(self, running: Any = None, turns: int = 200) -> None:
        """
        Let bytes arrive.
        """
        for _ in range(turns):
            if running is not None and running.called:
                break
            self.clock.advance(0.001)


def method_of(service: type[Service], name: str) -> Method:
    (found,) = [one.method for one in offered(service) if one.method.name == name]
    return found
