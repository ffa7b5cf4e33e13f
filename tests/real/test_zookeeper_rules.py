"""
The contract of rules, on a real ZooKeeper server.
"""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.rules import SHOP, RulesContract
from rpcfw_registries.rules.store import record_path
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions
from rpcfw_registries.zookeeper.rules import ZooKeeperRules
from tests.real.registry_case import OneServer
from tests.real.zookeeper_case import FAST, ZooKeeperCase, expire

pytestmark = pytest.mark.zookeeper


class TestRules(ZooKeeperCase, OneServer, RulesContract, TestCase):
    limit_s = 20.0

    async def started_rules(self):
        registry = await self.running(self.server.address, root=self.root)
        self.registries = {**getattr(self, "registries", {}), registry.rules(): registry}
        return registry.rules()

    async def in_zookeeper(self, act):
        """
        Do something with a client of its own.
        """

        def connected():
            client = KazooClient(self.server.address)
            client.start()
            try:
                act(client)
            finally:
                client.stop()
                client.close()

        await deferToThread(connected)

    async def leave(self):
        self.server.freeze()

    async def come_back(self):
        self.server.thaw()

    async def lose_session(self, rules):
        await expire(self.registries[rules])

    async def lose_everything(self):
        path = record_path(self.root, SHOP)
        await self.in_zookeeper(lambda client: client.delete(path, recursive=True))

    async def store_unreadable(self, scope):
        await self.in_zookeeper(lambda client: client.set(record_path(self.root, scope), b"{"))


class TestRulesAlone(ZooKeeperCase, OneServer, RulesContract, TestCase):
    """
    The plugin of its own, with a session of its own.
    """

    limit_s = 20.0

    async def started_rules(self):
        texts = {"address": self.server.address, "root": self.root, **FAST}
        rules = ZooKeeperRules(options_of(ZooKeeperOptions, **texts), self.plugin_context)
        await rules.start()
        self.addCleanup(lambda: spawn(rules.stop()))
        return rules
