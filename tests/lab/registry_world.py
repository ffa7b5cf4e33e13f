"""
Processes that speak the real wire, for registries that are services themselves.
"""

from __future__ import annotations

from math import inf
from random import Random

from attrs import evolve

from rpcfw.client.assembly import Client, ClientOptions, Policies
from rpcfw.kernel.settings import options_of
from rpcfw.server.options import ServerOptions
from rpcfw.server.server import Server
from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.payload import Payload
from rpcfw.transport.pool.link import LinkOptions
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.wire.protocol import NativeProtocol
from rpcfw_balancers.round_robin import RoundRobin
from rpcfw_buses.memory import MemoryBus, MemoryBusOptions
from rpcfw_codecs.json import JSONCodec
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.replication.group import BusOfGroup
from rpcfw_registries.standalone.node.service import node_services
from rpcfw_registries.standalone.registry import StandaloneOptions, StandaloneRegistry
from rpcfw_retries.never import NeverRetry

NOWHERE = Address("memory", "nowhere")


class World:
    """
    One clock and one network.

    Args:
        reactor: Twisted's, or a Clock where all addresses are in memory.
    """

    def __init__(self, reactor):
        self.reactor = reactor
        self.memory = MemoryNetwork(reactor)
        self._processes = 0
        self._cut = {}
        #: Addresses that no registry server reaches.
        self.unreachable = set()

    def runtime(self, seed=None):
        """
        Return what one more process stands on.

        Args:
            seed: of its randomness; None: another one than all others have.
        """
        self._processes += 1
        random = Random(self._processes if seed is None else seed)
        around = plugin_context(self.reactor, random)
        codec = JSONCodec(options_of(JSONCodec.Options), around)
        return Runtime(
            reactor=self.reactor,
            timers=around.timers,
            random=random,
            network=Network(self.reactor, self.memory),
            payload=Payload({"json": codec}, {}, "", 1024, Limits().max_receive_bytes),
            protocols={"native": NativeProtocol(NoOptions(), around)},
            limits=Limits(),
            link_options=options_of(LinkOptions),
            plugin_context=around,
        )

    def registry(self, address, plugin=StandaloneRegistry, seed=None, **texts):
        """
        Return the registry of one more process, or another plugin with the same options.

        Args:
            seed: of its randomness. Two with the same one choose the same server of several.
        """
        runtime = self.runtime(seed)
        channels = []
        reach = {"cut": False}

        def open_channel(address, protocol, tls=None, *, service="", max_silence_s=inf):
            to = NOWHERE if reach["cut"] else address
            channels.append(self._channel(runtime.noticing(max_silence_s), to, protocol))
            return channels[-1]

        def cut():
            reach["cut"] = True
            for channel in channels:
                spawn(channel.close())

        around = evolve(runtime.plugin_context, open_channel=open_channel)
        options = options_of(
            StandaloneOptions, address=str(address), max_reconnect_delay="2s", **texts
        )
        registry = plugin(options, around)
        self._cut[registry] = cut
        return registry

    def cut(self, registry):
        """
        Have a registry lose its connections, and reach nobody from now on.
        """
        self._cut[registry]()

    def node(self, address, **texts):
        """
        Return a registry server and its server, which is not yet started.
        """
        services, server = self.services(address, **texts)
        return services[0], server

    def services(self, address, **texts):
        """
        Return all services of a registry server, and its server.
        """
        runtime = self.runtime()
        services = node_services(options_of(NodeOptions, **texts), runtime.plugin_context)
        options = options_of(ServerOptions, listen=str(address), drain_timeout="5s")
        return services, Server(runtime, options, services)

    def joined(self, address, group, **texts):
        """
        Return a registry server of a group on a memory bus, and its server.
        """
        runtime = self.runtime()

        def open_channel(to, protocol, tls=None, *, service="", max_silence_s=inf):
            reached = NOWHERE if to in self.unreachable else to
            return self._channel(runtime.noticing(max_silence_s), reached, protocol)

        around = evolve(runtime.plugin_context, open_channel=open_channel)
        bus = MemoryBus(options_of(MemoryBusOptions, name=group), around)
        options = options_of(NodeOptions, **texts)
        services = node_services(options, around, BusOfGroup(bus, str(address)))
        server_options = options_of(ServerOptions, listen=str(address), drain_timeout="5s")
        return services[0], Server(runtime, server_options, services)

    def channel(self, address):
        """
        Return a channel of one more process to an address.
        """
        return self._channel(self.runtime(), address, "native")

    def _channel(self, runtime, address, protocol):
        balancer = RoundRobin(NoOptions(), runtime.plugin_context)
        retry = NeverRetry(NoOptions(), runtime.plugin_context)
        policies = Policies({"balancer": balancer, "retry": retry}, balancer, retry)
        client = Client(runtime, "", options_of(ClientOptions, protocols=protocol), policies)
        client.use([Instance("", "node", address, (protocol,))])
        return client.channel
