"""
A network in memory with registry servers and their clients.
"""

from __future__ import annotations

import msgspec
from attrs import evolve

from rpcfw.errors import PermissionDenied
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates
from rpcfw.values.address import Address
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.standalone.node.service import node_services
from rpcfw_registries.standalone.registry import StandaloneOptions, StandaloneRegistry
from tests.plugins.registries.network import Network
from tests.plugins.registries.options import node_options
from tests.plugins.registries.still import StillTime

__all__ = ["HOME", "OTHER", "Alone", "OnANetwork", "raw"]

HOME = Address("tcp", "127.0.0.1", 2210)
OTHER = Address("tcp", "127.0.0.1", 2211)


def raw(instance):
    """
    Return an instance as it is announced.
    """
    return msgspec.Raw(instance_to_json(instance))


class OnANetwork(StillTime):
    """
    A network with one node on it.
    """

    addresses = (HOME,)

    def prepare(self):
        self.network = Network(self.clock, self.plugin_context.timers)
        self.rules = {}
        self.make_node()
        self.users = {}

    def make_node(self, address=HOME, **over):
        """
        Start a node that knows nothing.
        """
        node, rules = node_services(node_options(**over), self.plugin_context)
        self.network.nodes[address] = node
        self.rules[address] = rules
        return node

    def registry(self, lease=4.0, **texts):
        user = len(self.users)
        around = evolve(self.plugin_context, open_channel=self.network.channel_for(user))
        texts |= {"address": ", ".join(map(str, self.addresses)), "lease": f"{lease:g}s"}
        options = options_of(StandaloneOptions, max_reconnect_delay="2s", **texts)
        registry = StandaloneRegistry(options, around)
        self.users[registry] = user
        return registry

    async def store_unreadable(self, service):
        self.network.nodes[HOME].replica.put(service, "x", b'{"id": 5}', "somebody newer")

    async def refuse(self):
        self.network.refusal = PermissionDenied("not you")

    async def permit(self):
        self.network.refusal = None

    async def remove_behind(self, instance):
        assert self.network.nodes[HOME].replica.remove(instance.service, instance.id)

    async def die(self, registry):
        self.network.cut(self.users[registry])


class Alone(OnANetwork):
    """
    With a test that moves the clock itself.
    """

    def prepare(self):
        super().prepare()
        self.addCleanup(self.stop_all)

    def stop_all(self):
        for registry in self.users:
            spawn(registry.stop())
        self.advance(2)

    def told(self, registry, service="demo.Greeter"):
        told = ReceivedUpdates()
        registry.watch(service, told)
        self.advance(0.1)
        return told

    def announced(self, registry, *instances):
        deferreds = [spawn(registry.announce(instance)) for instance in instances]
        self.advance(0.1)
        for deferred in deferreds:
            self.successResultOf(deferred)

    def calls(self, name):
        return [request for called, request in self.network.calls if called == name]

    def node(self, address=HOME):
        return self.network.nodes[address]
