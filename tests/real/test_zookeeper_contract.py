"""
The contract of registries, on a real ZooKeeper server.
"""

from __future__ import annotations

import pytest
from kazoo.client import KazooClient
from twisted.internet.defer import ensureDeferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.registry import RegistryContract
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.layouts.dubbo.layout import DubboLayout
from rpcfw_registries.remote.paths import encoded, znode_name
from tests.real.registry_case import OneServer
from tests.real.zookeeper_case import ZooKeeperCase, expire

pytestmark = pytest.mark.zookeeper


class TestContract(ZooKeeperCase, OneServer, RegistryContract, TestCase):
    limit_s = 10.0

    def registry(self):
        return self.made(self.server.address, root=self.root)

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

    def path_of(self, instance):
        """
        Return where an instance is.
        """
        name = znode_name(instance.id, instance_to_json(instance))
        return f"{self.root}/{encoded(instance.service)}/{name}"

    async def store_unreadable(self, service):
        path = f"{self.root}/{service}/broken"
        await self.in_zookeeper(lambda client: client.create(path, b"{", makepath=True))

    async def pass_time(self, seconds):
        # Longer than a session and the pause between self-checks shows nothing more.
        await super().pass_time(min(seconds, 2.5))

    async def leave(self):
        self.server.freeze()

    async def come_back(self):
        self.server.thaw()

    async def remove_behind(self, instance):
        path = self.path_of(instance)
        await self.in_zookeeper(lambda client: client.delete(path))

    async def die(self, registry):
        # It must not announce again when it learns of its end.
        self.fall_silent(registry)
        await expire(registry)
        # A process takes its threads along; this one is not killed.
        self.addCleanup(lambda: ensureDeferred(registry.stop()))


class TestDubboContract(TestContract):
    def registry(self):
        # The suite has several instances of a service at one address. Only this level keeps them.
        more = {"layout": "dubbo", "register_mode": "interface"}
        return self.made(self.server.address, root=self.root, **more)

    def path_of(self, instance):
        application = self.plugin_context.application
        layout = DubboLayout(self.root, application, self.plugin_context.time_of_day)
        key = instance.service, instance.id
        return layout.place(key, layout.record(instance)).path

    async def store_unreadable(self, service):
        path = f"{self.root}/{service}/providers/dubbo%3A%2F%2Fhost"
        await self.in_zookeeper(lambda client: client.create(path, b"", makepath=True))
