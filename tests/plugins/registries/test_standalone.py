"""
The standalone registry against nodes in memory.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.registry import RegistryContract
from rpcfw.values.address import Address
from rpcfw_registries.standalone import StandaloneOptions, StandaloneRegistry
from rpcfw_registries.standalone_node import NodeOptions, node_services
from tests.plugins.registries.network import Network
from tests.plugins.registries.still import StillTime

HOME = Address("tcp", "127.0.0.1", 2210)
OTHER = Address("tcp", "127.0.0.1", 2211)


def node_options(**over):
    """
    Return what the INI of a node says if it says nothing else.
    """
    plain = {
        "shortest_lease": 1.0,
        "longest_lease": 60.0,
        "gather": 0.01,
        "services": 100,
        "instances": 1000,
        "total_size": 1 << 20,
        "watchers": 100,
    }
    return NodeOptions(**{**plain, **over})


class OnANetwork(StillTime):
    """
    A network with one node on it.
    """

    addresses = (HOME,)

    def prepare(self):
        self.network = Network(self.clock, self.surroundings.timers)
        self.make_node()
        self.users = {}

    def make_node(self, address=HOME, **over):
        """
        Start a node that knows nothing.
        """
        (node,) = node_services(node_options(**over), self.surroundings)
        self.network.nodes[address] = node
        return node

    def registry(self, lease=4.0):
        user = len(self.users)
        around = evolve(self.surroundings, open_channel=self.network.channel_for(user))
        options = StandaloneOptions(address=self.addresses, lease=lease, reconnect=2.0)
        registry = StandaloneRegistry(options, around)
        self.users[registry] = user
        return registry

    async def store_unreadable(self, service):
        self.network.nodes[HOME].catalog.put(service, "x", b'{"id": 5}', "somebody newer")

    async def remove_behind(self, instance):
        assert self.network.nodes[HOME].catalog.remove(instance.service, instance.id)

    async def die(self, registry):
        self.network.cut(self.users[registry])


class TestStandalone(OnANetwork, RegistryContract, TestCase):
    async def leave(self):
        self.node = self.network.nodes[HOME]
        self.network.drop(HOME)

    async def come_back(self):
        self.network.nodes[HOME] = self.node


class TestRestartedNode(OnANetwork, RegistryContract, TestCase):
    """
    The same, with a node that knows nothing when it is back.
    """

    async def leave(self):
        self.network.drop(HOME)

    async def come_back(self):
        self.make_node()


class TestSecondNode(OnANetwork, RegistryContract, TestCase):
    """
    The same, with another node taking over.
    """

    addresses = (HOME, OTHER)

    async def leave(self):
        self.network.drop(HOME)

    async def come_back(self):
        self.make_node(OTHER)
