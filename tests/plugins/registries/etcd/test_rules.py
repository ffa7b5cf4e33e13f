"""
Rules on etcd in memory.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.rules import RulesContract
from rpcfw_registries.etcd.registry import EtcdOptions
from rpcfw_registries.etcd.rules import EtcdRules
from rpcfw_registries.rules.store import record_path
from tests.plugins.registries.etcd.etcd_keeping import HOME, OTHER, OnMembers


class OnEtcd(OnMembers, RulesContract):
    limit_s = 30.0

    async def started_rules(self):
        self.last = registry = self.registry()
        await registry.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(registry.stop())))
        return registry.rules()

    async def leave(self):
        self.members.stop(HOME)

    async def come_back(self):
        self.members.start(HOME)

    async def compact(self):
        self.store.compact()

    async def store_unreadable(self, scope):
        self.store.change((record_path("/rpcfw", scope).encode(), b"{", 0))


class TestEtcdRules(OnEtcd, TestCase):
    async def lose_everything(self):
        self.members.stop(HOME)
        self.store.reset()
        self.members.start(HOME)

    async def test_is_no_service(self):
        """
        The folder of rules is not listed among the services.
        """
        await self.put("one")
        assert () == await self.done(self.last.services())

    async def test_says_why_it_may_not_watch(self):
        """
        A refusal is reported once, and tried again.
        """
        await self.put("one")
        await self.refuse()
        received, _ = self.watched()
        await self.until(lambda: received.refusals, "the refusal")
        self.advance(5)
        (reason,) = received.refusals
        assert "set user and password" in reason
        await self.permit()
        await self.sees(received, policies="one")


class TestAlone(OnEtcd, TestCase):
    """
    The plugin of its own, with a connection of its own.
    """

    async def started_rules(self):
        around = evolve(self.plugin_context, open_channel=self.members.channel_for(0))
        rules = EtcdRules(options_of(EtcdOptions, max_reconnect_delay="2s"), around)
        await rules.start()
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(rules.stop())))
        return rules


class TestSecondMember(OnEtcd, TestCase):
    """
    The same, with another member taking over.
    """

    addresses = (HOME, OTHER)

    def prepare(self):
        super().prepare()
        self.members.stop(OTHER)

    async def come_back(self):
        self.members.start(OTHER)
