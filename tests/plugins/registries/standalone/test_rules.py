"""
Rules at a registry server in memory, over the real wire.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.rules import BOB, SHOP, RulesContract
from rpcfw.values.address import Address
from rpcfw.values.rule import service_scope
from rpcfw_registries.rules.store import Stored
from rpcfw_registries.standalone.rules import StandaloneRules
from tests.folders import temporary_folder
from tests.lab.registry_world import World
from tests.plugins.registries.still import StillTime

HOME = Address("memory", "registry")


class OnAServer(StillTime, RulesContract):
    limit_s = 30.0

    def prepare(self):
        self.texts = {}
        self.world = World(self.clock)
        self.server = None

    async def started_rules(self):
        if self.server is None:
            await self.come_back()
            self.addCleanup(lambda: Deferred.fromCoroutine(self.leave()))
        registry = self.world.registry(HOME)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(registry.stop())))
        return registry.rules()

    async def leave(self):
        if self.server is not None:
            server, self.server = self.server, None
            await self.done(server.stop())

    async def come_back(self):
        self.services, self.server = self.world.services(HOME, **self.options())
        await self.done(self.server.start())

    def options(self):
        return self.texts

    async def with_options(self, **texts):
        await self.leave()
        self.texts = texts
        await self.come_back()
        await self.until_reachable()

    @property
    def names(self):
        """
        The services that have records.
        """
        records = self.services[1]._records._records  # noqa: SLF001
        return {scope.name for scope in records}

    async def has_come_and_gone(self):
        await self.with_options(max_rule_scopes="3")
        for name in "a", "b", "c":
            await self.put("one", scope=service_scope(name))
        for name in "c", "b":
            scope = service_scope(name)
            await self.done(self.writer.remove(scope, "policies", 1, BOB))
            self.clock.advance(1)

    async def test_a_removed_document_leaves_space(self):
        """
        Services may come and go: the one whose rules were removed first is forgotten for a new one.

        What has rules is not, and what was forgotten may have rules again.
        """
        await self.has_come_and_gone()
        await self.put("one", scope=service_scope("d"))
        assert {"a", "b", "d"} == self.names
        await self.put("one", scope=service_scope("c"))
        assert {"a", "c", "d"} == self.names
        full = Deferred.fromCoroutine(self.writer.put(service_scope("e"), "policies", "x", 0, BOB))
        assert "max_rule_scopes" in str(await self.fails(full))
        assert {"a", "c", "d"} == self.names

    async def store_unreadable(self, scope):
        self.services[1]._records._put(scope, Stored(b"{", b"", "x"))  # noqa: SLF001


class TestInFiles(OnAServer, TestCase):
    """
    With a folder, a restart loses nothing.
    """

    def options(self):
        self.folder = getattr(self, "folder", None) or temporary_folder(self)
        return {"rules_folder": str(self.folder), **self.texts}

    async def test_takes_what_others_have_written_into_the_folder(self):
        """
        After a backup was restored under the server, the next change is of that, and is followed.
        """
        await self.put("one")
        backup = {path: path.read_bytes() for path in self.folder.iterdir()}
        await self.put("two")
        received, _ = self.watched()
        await self.sees(received, policies="two")
        for path, content in backup.items():
            path.write_bytes(content)
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", "three", 2, BOB))
        )
        assert "version 1 now" in str(error)
        assert received.last == {"policies": "two"}
        await self.put("three")
        await self.sees(received, policies="three")

    async def test_reads_the_folder_when_it_starts(self):
        """
        What is there counts for the limits, whatever the names of the scopes are.
        """
        names = ["a", "b/é~c", "x" * 256]
        for name in names:
            await self.put("one", scope=service_scope(name))
        (self.folder / "service~demo.Torn.json").mkdir()
        await self.leave()
        self.texts = {"max_rule_scopes": "3"}
        await self.come_back()
        await self.until_reachable()
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(service_scope("c"), "policies", "x", 0, BOB))
        )
        assert "max_rule_scopes" in str(error)
        for name in names:
            await self.put("two", scope=service_scope(name))

    async def test_what_was_forgotten_has_no_file(self):
        """
        After a restart it is not there again.
        """
        await self.has_come_and_gone()
        await self.put("one", scope=service_scope("d"))
        assert 3 == len(list(self.folder.glob("*.json")))
        await self.with_options(max_rule_scopes="4")
        assert {"a", "b", "d"} == self.names


class TestAlone(TestInFiles, TestCase):
    """
    The plugin of its own, with a connection of its own.
    """

    async def started_rules(self):
        await super().started_rules()
        rules = self.world.registry(HOME, StandaloneRules)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(rules.stop())))
        return rules


class TestInMemory(OnAServer, TestCase):
    """
    Without a folder, a restart loses the rules; who watches keeps the last ones.
    """

    test_follows_again_when_the_place_is_back = None
    test_begins_while_the_place_is_away = None
    test_misses_nothing_after_a_compaction = None

    async def lose_everything(self):
        await self.leave()
        await self.come_back()

    async def test_has_a_limit_of_scopes(self):
        """
        Rules of so many services are stored; those that are there can be changed.
        """
        await self.leave()
        self.texts = {"max_rule_scopes": "2"}
        await self.come_back()
        await self.until_reachable()
        for name in "a", "b", "a":
            await self.put("one", scope=service_scope(name))
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(service_scope("c"), "policies", "x", 0, BOB))
        )
        assert "max_rule_scopes" in str(error)

    async def test_has_a_limit_of_bytes(self):
        """
        All rules together have a limit, which counts what is stored now.
        """
        await self.leave()
        self.texts = {"max_rule_bytes": "4KiB"}
        await self.come_back()
        await self.until_reachable()
        for _ in range(5):
            await self.put("x" * 2000)
        error = await self.fails(
            Deferred.fromCoroutine(
                self.writer.put(service_scope("c"), "policies", "y" * 3000, 0, BOB)
            )
        )
        assert "max_rule_bytes" in str(error)
        assert "x" * 2000 == (await self.done(self.reader.read(SHOP))).documents["policies"].body
