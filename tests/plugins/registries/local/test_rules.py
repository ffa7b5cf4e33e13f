"""
Rules in memory and in files.
"""

from __future__ import annotations

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.rules import BOB, SHOP, RulesContract
from rpcfw.values.rule import Author
from rpcfw_registries.local.file import FileOptions, FileRegistry
from rpcfw_registries.local.memory import MemoryOptions, MemoryRegistry
from rpcfw_registries.local.memory_records import record_table
from rpcfw_registries.local.rules import (
    FileRules,
    FileRulesOptions,
    MemoryRules,
    MemoryRulesOptions,
)
from rpcfw_registries.rules.store import Stored
from tests.folders import temporary_folder
from tests.plugins.registries.still import StillTime


class TestMemoryRules(StillTime, RulesContract, TestCase):
    def prepare(self):
        self.table = record_table(self.id())

    async def started_rules(self):
        return MemoryRules(options_of(MemoryRulesOptions, name=self.id()), self.plugin_context)

    async def leave(self):
        self.table.away = True

    async def come_back(self):
        self.table.away = False
        self.table.changed()

    async def lose_everything(self):
        self.table.records.clear()
        self.table.changed()

    async def store_unreadable(self, scope):
        self.table.put(scope, Stored(b"{", b"", "x"))

    async def back_up(self):
        return dict(self.table.records)

    async def restore(self, data):
        for scope, stored in data.items():
            self.table.put(scope, stored)

    async def test_orders_the_history_by_versions(self):
        """
        The last change is the first, whatever the clocks of those say who have made them.
        """
        ahead = evolve(self.plugin_context, time_of_day=lambda: self.clock.seconds() + 3600)
        fast = MemoryRules(options_of(MemoryRulesOptions, name=self.id()), ahead)
        await self.done(fast.put(SHOP, "policies", "one", 0, Author("ann@fast")))
        await self.put("two")
        last, first = await self.done(self.reader.history(SHOP))
        assert [("bob@here", 2), ("ann@fast", 1)] == [(o.who, o.version) for o in (last, first)]
        assert last.at < first.at

    async def test_is_that_of_the_registry(self):
        """
        The memory registry of a name has the rules of that name.
        """
        registry = MemoryRegistry(options_of(MemoryOptions, name=self.id()), self.plugin_context)
        await self.put("one")
        found = await registry.rules().read(SHOP)
        assert ["policies"] == list(found.documents)


class TestFileRules(StillTime, RulesContract, TestCase):
    def prepare(self):
        self.folder = temporary_folder(self) / "rules"

    async def started_rules(self):
        return FileRules(options_of(FileRulesOptions, folder=str(self.folder)), self.plugin_context)

    async def lose_everything(self):
        for path in self.folder.iterdir():
            path.unlink()

    async def store_unreadable(self, scope):
        self.folder.joinpath("service~demo.Shop.json").write_bytes(b"{")

    async def back_up(self):
        return {path: path.read_bytes() for path in self.folder.iterdir()}

    async def restore(self, data):
        for path, content in data.items():
            path.write_bytes(content)

    async def test_follows_no_link_in_the_place_of_its_lock(self):
        """
        Who may write into the folder cannot have a file made or opened elsewhere.
        """
        self.folder.mkdir(parents=True)
        elsewhere = self.folder.parent / "elsewhere"
        self.folder.joinpath(".lock").symlink_to(elsewhere)
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", "one", 0, BOB))
        )
        assert str(self.folder) in str(error)
        assert not elsewhere.exists()

    async def test_reports_a_file_that_it_cannot_read(self):
        """
        A folder in the place of a file is a refusal; what it says goes when it is readable.
        """
        path = self.folder / "service~demo.Shop.json"
        path.mkdir(parents=True)
        received, _ = self.watched()
        await self.until(lambda: received.refusals, "the refusal")
        assert [f"{path} cannot be read: it is a directory, not a regular file"] == [
            *received.refusals
        ]
        error = await self.fails(Deferred.fromCoroutine(self.reader.read(SHOP)))
        assert str(self.folder) in str(error)
        path.rmdir()
        await self.put("one")
        await self.sees(received, policies="one")

    async def test_says_that_it_cannot_write(self):
        """
        A folder that cannot be made is an error that names it.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.folder.write_text("a file")
        error = await self.fails(
            Deferred.fromCoroutine(self.writer.put(SHOP, "policies", "one", 0, BOB))
        )
        assert isinstance(error, RegistryError)
        assert str(self.folder) in str(error)

    async def test_lies_beside_the_file_of_the_registry(self):
        """
        The file registry has its rules in a folder beside its file.
        """
        options = options_of(FileOptions, path=str(self.folder.parent / "services"))
        registry = FileRegistry(options, self.plugin_context)
        await registry.rules().put(SHOP, "policies", "one", 0, BOB)
        folder = self.folder.parent / "services.rules"
        assert "service~demo.Shop.json" in [one.name for one in folder.iterdir()]
