"""
Registries with Dubbo's layout, on a ZooKeeper in memory.
"""

from __future__ import annotations

import json
from random import Random

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from tests.plugins.registries.zookeeper.zookeeper_world import FakeSession, World

NODE = "/services/shop/10.0.0.5:2200"
MAPPING = "/dubbo/mapping/demo.Greeter"


class Fleet:
    """
    Processes with one ZooKeeper, on a Clock.
    """

    def __init__(self):
        self.world = World()
        self.clock = Clock()
        self.sessions = []

    def registry(self, application="shop", open_channel=None, **options):
        """
        Start a registry of a process.
        """
        context = evolve(plugin_context(self.clock, Random(7)), application=application)
        if open_channel is not None:
            context = evolve(context, open_channel=open_channel)
        session = FakeSession(self.world)
        chosen = options_of(ZooKeeperOptions, layout="dubbo", **options)
        registry = ZooKeeperRegistry(chosen, context, session)
        self.sessions.append(session)
        self.done(registry.start())
        return registry

    def done(self, coroutine):
        """
        Return what a coroutine returns, or raise what it raises.
        """
        results = []
        Deferred.fromCoroutine(coroutine).addBoth(results.append)
        self.advance(1)
        (result,) = results
        if hasattr(result, "raiseException"):
            result.raiseException()
        return result

    def advance(self, seconds):
        """
        Let time pass in slices, so that what wakes in one acts in the next.
        """
        for _ in range(round(seconds / 0.01)):
            self.clock.advance(0.01)

    def text(self, path):
        """
        Return the data of a node, as text.
        """
        return self.world.nodes[path].data.decode()

    def node(self, path=NODE):
        """
        Return what an instance node says.
        """
        return json.loads(self.text(path))

    def revision(self, path=NODE):
        """
        Return the revision that an instance node names.
        """
        return self.node(path)["payload"]["metadata"]["dubbo.metadata.revision"]

    def services(self, path=NODE):
        """
        Return the metadata that an instance node refers to.
        """
        metadata = json.loads(self.text(f"/dubbo/metadata/shop/{self.revision(path)}"))
        assert metadata["revision"] == self.revision(path)
        assert metadata["app"] == "shop"
        return metadata["services"]
