"""
What the tests against real etcd share: channels on the real wire.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from rpcfw.client.assembly import Client, ClientOptions, Policies
from rpcfw.kernel.settings import options_of
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.protocol import Limits
from rpcfw.spi.waiting import spawn
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
from tests.real.etcd_server import EtcdMember, etcdctl
from tests.real.registry_case import RegistryCase
from tests.requirements import require_etcd

__all__ = ["FAST", "EtcdCase"]

#: Options with which nothing takes long.
FAST = {
    "lease": "2s",
    "operation_timeout": "1s",
    "heartbeat": "500ms",
    "reconnect_most": "500ms",
    "self_check": "1s",
}


class EtcdCase(RegistryCase):
    """
    For a `twisted.trial.unittest.TestCase`.
    """

    need = staticmethod(require_etcd)
    tls = None

    @classmethod
    def make_server(cls):
        return EtcdMember()

    def setUp(self):
        self.channels = {}
        return super().setUp()

    def made(self, address, **texts):
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

    def fall_silent(self, registry):
        registry._announcing._loop.cancel()  # noqa: SLF001 - nothing less would do

    async def running(self, address, **texts):
        if self.tls:
            # Both sides say good-bye before the connection ends.
            self.addCleanup(lambda: spawn(self.pass_time(0.1)))
        return await super().running(address, **texts)

    async def ctl(self, member, *words, user=""):
        """
        Have etcd's own client do something.
        """
        return await deferToThread(etcdctl, member, *words, user=user)
