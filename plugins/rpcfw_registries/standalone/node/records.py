"""
The records of rules of a registry server: in memory, and in files if there is a folder.
"""

from __future__ import annotations

from pathlib import Path

from rpcfw.errors import Overloaded, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.values.rule import Scope
from rpcfw_registries.local.file_records import read_records, write_records
from rpcfw_registries.local.memory_records import MemoryRecords, RecordTable
from rpcfw_registries.rules.store import (
    NOTHING,
    RecordListener,
    RecordStore,
    Stored,
    stamp_of,
)

__all__ = ["NodeRecords"]


class NodeRecords(RecordStore):
    """
    Bounded in number and size.

    Args:
        folder: keeps them over a restart; None: nothing does.
        max_scopes: so many services and applications have records.
        max_bytes: of all records.
    """

    def __init__(
        self,
        folder: Path | None,
        max_scopes: int,
        max_bytes: int,
        plugin_context: PluginContext,
    ) -> None:
        self._folder = folder
        self._max_scopes = max_scopes
        self._max_bytes = max_bytes
        self._threads = plugin_context.threads
        self._table = RecordTable()
        self._memory = MemoryRecords(self._table, plugin_context.clock)
        self._bytes = 0

    async def read(self, scope: Scope) -> Stored:
        known = self._table.records.get(scope)
        if known is not None or self._folder is None:
            return known or NOTHING
        try:
            found = await self._threads.call(read_records, self._folder, scope)
        except OSError as error:
            raise _error(self._folder, error) from error
        # Somebody may have replaced it while it was read.
        known = self._table.records.get(scope)
        if known is None and found.documents is not None and self._fits(scope, found):
            self._put(scope, found)
        return known or found

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        later = Stored(documents, history, stamp_of(documents))
        if not self._fits(scope, later):
            raise Overloaded(
                "the registry server has no space for more rules: see [node] max_rule_scopes "
                "and max_rule_bytes"
            )
        if self._folder is not None:
            return await self._write_file(self._folder, scope, later, stamp)
        if self._table.records.get(scope, NOTHING).stamp != stamp:
            return False
        self._put(scope, later)
        return True

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        return self._memory.watch(scope, listener, on_refused)

    async def _write_file(self, folder: Path, scope: Scope, later: Stored, stamp: str) -> bool:
        record = Stored(later.documents, later.history, stamp)
        try:
            written = await self._threads.call(write_records, folder, scope, record)
        except OSError as error:
            raise _error(folder, error) from error
        if written:
            self._put(scope, later)
        else:
            # Somebody else writes into the folder, or has restored a backup.
            await self._take_file(folder, scope)
        return written

    async def _take_file(self, folder: Path, scope: Scope) -> None:
        try:
            found = await self._threads.call(read_records, folder, scope)
        except OSError as error:
            raise _error(folder, error) from error
        if found.documents is not None and self._fits(scope, found):
            self._put(scope, found)
        elif found.documents is None:
            self._remove(scope)

    def _remove(self, scope: Scope) -> None:
        gone = self._table.records.pop(scope, NOTHING)
        self._bytes -= _size(gone)
        self._table.changed()

    def _fits(self, scope: Scope, later: Stored) -> bool:
        records = self._table.records
        if scope not in records and len(records) >= self._max_scopes:
            return False
        grown = _size(later) - _size(records.get(scope, NOTHING))
        return self._bytes + grown <= self._max_bytes

    def _put(self, scope: Scope, later: Stored) -> None:
        self._bytes += _size(later) - _size(self._table.records.get(scope, NOTHING))
        self._table.put(scope, later)


def _size(stored: Stored) -> int:
    return len(stored.documents or b"") + len(stored.history)


def _error(folder: Path, error: OSError) -> RegistryError:
    return RegistryError(f"the folder of rules {folder} cannot be used: {error.strerror or error}")
