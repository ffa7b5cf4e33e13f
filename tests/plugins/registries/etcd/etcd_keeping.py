"""
What the tests of the etcd registry on members in memory share.
"""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates
from rpcfw.values.address import Address
from rpcfw_registries.etcd.registry import EtcdOptions, EtcdRegistry
from tests.plugins.registries.etcd.etcd_world import Members
from tests.plugins.registries.still import StillTime

__all__ = ["HOME", "KEY", "OTHER", "Keeping", "OnMembers"]

HOME = Address("tcp", "127.0.0.1", 2379)
OTHER = Address("tcp", "127.0.0.2", 2379)
#: Where instance a of demo.Greeter is kept.
KEY = b"/rpcfw/demo.Greeter/a"


class OnMembers(StillTime):
    """
    One member, and registries that use it.
    """

    addresses = (HOME,)

    def prepare(self):
        self.members = Members(self.clock, self.plugin_context.timers, *self.addresses)
        self.store = self.members.store
        self.users = {}

    def registry(self, **texts):
        user = len(self.users)
        around = evolve(self.plugin_context, open_channel=self.members.channel_for(user))
        small = {"lease": "4s", "max_reconnect_delay": "2s", "self_check_interval": "5s"}
        address = ", ".join(map(str, self.addresses))
        options = options_of(EtcdOptions, **{"address": address, **small, **texts})
        registry = EtcdRegistry(options, around)
        self.users[registry] = user
        return registry

    async def store_unreadable(self, service):
        self.store.change((f"/rpcfw/{service}/broken".encode(), b"{", 0))

    async def refuse(self):
        self.store.users = {"bob": "xyzzy"}

    async def permit(self):
        self.store.users = {}

    async def remove_behind(self, instance):
        self.store.change((f"/rpcfw/{instance.service}/{instance.id}".encode(), None, 0))

    async def die(self, registry):
        self.members.cut(self.users[registry])


class Keeping(OnMembers, SynchronousTestCase):
    """
    What the contract does not ask: how it behaves when things go wrong.
    """

    def prepare(self):
        super().prepare()
        self.addCleanup(self.stop_all)

    def stop_all(self):
        stopped = [spawn(registry.stop()) for registry in self.users]
        self.advance(3)
        for one in stopped:
            self.successResultOf(one)

    def told(self, registry, service="demo.Greeter"):
        told = ReceivedUpdates()
        told.watch = registry.watch(service, told, told.refusals.append)
        self.advance(0.2)
        return told

    def announced(self, registry, *instances):
        deferreds = [spawn(registry.announce(instance)) for instance in instances]
        self.advance(0.2)
        for deferred in deferreds:
            self.successResultOf(deferred)

    def ids(self, told):
        return [instance.id for instance in told.last]

    def keys(self):
        return sorted(key.rpartition(b"/")[2].decode() for key in self.store.keys)

    def asked(self, name):
        return self.members.asked_for(name)
