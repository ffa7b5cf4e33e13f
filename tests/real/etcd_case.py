"""
What the tests against real etcd share: the reactor, and channels on the real wire.
"""

from __future__ import annotations

from random import Random

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from rpcfw.client.assembly import Client, ClientOptions, Policies
from rpcfw.kernel.settings import options_of
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.protocol import Limits
from rpcfw.spi.waiting import spawn
from rpcfw.testing.contracts.registry import Told
from rpcfw.testing.surroundings import surroundings
from rpcfw.transport.endpoints import Network
from rpcfw.transport.ground import Ground
from rpcfw.transport.link import LinkOptions
from rpcfw.transport.payload import Payload
from rpcfw.transport.tls import TLS
from rpcfw.values.instance import Instance
from rpcfw_attempts.by_hints import ByHints
from rpcfw_balancers.round_robin import RoundRobin
from rpcfw_codecs.protobuf import ProtobufCodec
from rpcfw_grpc.protocol import GRPCProtocol
from rpcfw_registries.etcd import EtcdOptions, EtcdRegistry
from tests.real.etcd_server import etcdctl
from tests.real.passing_time import PassingTime, after

__all__ = ["FAST", "EtcdCase", "instances_in"]

#: Options with which nothing takes long.
FAST = {
    "lease": "2s",
    "operation_timeout": "1s",
    "heartbeat": "500ms",
    "reconnect_most": "500ms",
    "self_check": "1s",
}


def instances_in(told):
    """
    Return the ids in the last list that was told, None before the first.
    """
    return None if told.last is None else [instance.id for instance in told.last]


class EtcdCase:
    """
    For a `twisted.trial.unittest.TestCase`.
    """

    timeout = 60
    tls = None

    def setUp(self):
        self.clock = PassingTime()
        self.surroundings = surroundings(self.clock, Random(3))
        self.addCleanup(self.clock.stop)
        self.channels = {}
        return super().setUp()

    def made(self, address, **texts):
        """
        Return a registry that is not started.
        """
        options = options_of(EtcdOptions, **{"address": address, **FAST, **texts})
        opened = []

        def open_channel(address, protocol):
            opened.append((address, self._channel(address, protocol)))
            return opened[-1][1]

        registry = EtcdRegistry(options, evolve(self.surroundings, open_channel=open_channel))
        self.channels[registry] = opened
        return registry

    def _channel(self, address, protocol):
        around = self.surroundings
        codec = ProtobufCodec(NoOptions(), around)
        limits = Limits()
        ground = Ground(
            reactor=self.clock,
            timers=around.timers,
            chance=around.chance,
            network=Network(reactor, tls=self.tls and TLS(self.tls)),
            payload=Payload({"protobuf": codec}, {}, "", 1024, limits.max_receive_bytes),
            protocols={"grpc": GRPCProtocol(NoOptions(), around)},
            limits=limits,
            link_options=options_of(LinkOptions),
            surroundings=around,
        )
        retry = ByHints(options_of(ByHints.Options), around)
        policies = Policies(RoundRobin(NoOptions(), around), retry)
        client = Client(ground, "", options_of(ClientOptions, protocols=protocol), policies)
        client.use([Instance("", "member", address, (protocol,))])
        return client.channel

    def port_in_use(self, registry):
        """
        Return the port of the member that a registry talks to.
        """
        return self.channels[registry][-1][0].port

    async def running(self, address, **texts):
        """
        Return a registry that runs until the test is over.
        """
        registry = self.made(address, **texts)
        await registry.start()
        if self.tls:
            # Both sides say good-bye before the connection ends.
            self.addCleanup(lambda: spawn(self.pass_time(0.1)))
        self.addCleanup(lambda: spawn(registry.stop()))
        return registry

    async def ctl(self, member, *words, user=""):
        """
        Have etcd's own client do something.
        """
        return await deferToThread(etcdctl, member, *words, user=user)

    async def pass_time(self, seconds):
        """
        Let real time go by.
        """
        await after(seconds)

    async def eventually(self, seen, what, limit_s=15.0):
        """
        Return the seconds until ``seen()`` is true; fail if it never is.
        """
        begun = reactor.seconds()
        while not seen():
            if reactor.seconds() - begun > limit_s:
                self.fail(f"not within {limit_s:g}s: {what()}")
            await self.pass_time(0.005)
        return reactor.seconds() - begun

    async def tells(self, told, *ids, limit_s=15.0):
        """
        Return the seconds until ``told`` was told exactly the instances ``ids`` last.
        """
        return await self.eventually(
            lambda: sorted(ids) == instances_in(told),
            lambda: f"{sorted(ids)}; told was {instances_in(told)}",
            limit_s,
        )

    def watching(self, registry, service="demo.Greeter"):
        """
        Watch and return what will be told.
        """
        told = Told()
        registry.watch(service, told)
        return told
