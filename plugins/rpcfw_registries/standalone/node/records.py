"""
The records of rules of a registry server: in memory, and in files if there is a folder.

The record of a scope whose documents were all removed stays: it says so to servers that were cut
off, and has the history. When there is no space for another record, the one whose documents were
removed first is forgotten. That is the same one at every server of a group.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from rpcfw.errors import Overloaded, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.rule import RuleChange, Scope
from rpcfw_registries.local.file_records import (
    read_all_records,
    read_records,
    remove_records,
    write_records,
)
from rpcfw_registries.rules.merging import merge
from rpcfw_registries.rules.records import removed_at
from rpcfw_registries.rules.store import NOTHING, Stored, stamp_of
from rpcfw_registries.standalone.node.replication.rule_marks import RuleMarks

__all__ = ["NodeRecords"]

#: So often somebody may change the rules of a scope while those of another server are joined.
_MAX_TRIES = 5

_log = Logger()


class NodeRecords:
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
        self.max_scopes = max_scopes
        self._max_bytes = max_bytes
        self._threads = plugin_context.threads
        self._records: dict[Scope, Stored] = {}
        #: Why rules that are in the folder are not here.
        self.unread: dict[Scope, str] = {}
        self._log = LimitedLog(_log, plugin_context.clock.seconds)
        self._bytes = 0
        self._lock = DeferredLock()
        #: The scopes without documents, and when the last one was removed.
        self._removed: dict[Scope, float] = {}
        #: Hashes of all.
        self.marks = RuleMarks()
        #: Is called when the hash of all has changed: other servers have to learn it.
        self.on_news: Callable[[], None] = lambda: None
        #: Is called with what is stored anew, or no more.
        self.changed: Callable[[Scope], None] = lambda scope: None

    async def load(self) -> None:
        """
        Read what the folder has.

        Raises:
            RegistryError: it cannot be read.
        """
        if self._folder is None:
            return
        try:
            found = await self._threads.call(
                lambda folder: list(read_all_records(folder, self.max_scopes, self._max_bytes)),
                self._folder,
            )
        except OSError as error:
            raise _error(self._folder, error) from error
        for scope, stored in found:
            if scope in self._records:
                continue
            if isinstance(stored, str):
                self._note_unread(scope, stored)
            elif self._in_the_way(scope, stored) == []:
                self._put(scope, stored)

    def known(self, scope: Scope) -> Stored:
        """
        Return what is stored for a scope, as far as it is in memory.
        """
        return self._records.get(scope, NOTHING)

    async def read(self, scope: Scope) -> Stored:
        """
        Return what is stored for a scope.

        Raises:
            RegistryError: it cannot be read.
        """
        known = self._records.get(scope)
        if known is not None or self._folder is None:
            return known or NOTHING
        try:
            found = await self._threads.call(read_records, self._folder, scope)
        except OSError as error:
            raise _error(self._folder, error) from error
        # Somebody may have replaced it while it was read.
        known = self._records.get(scope)
        if known is None and found.documents is not None and self._in_the_way(scope, found) == []:
            self._put(scope, found)
        return known or found

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        """
        Replace what is stored, if it still has this stamp, and return whether it had.

        Raises:
            RegistryError: it cannot be stored.
            Overloaded: it exceeds a limit.
        """
        # One at a time: what fits is known only when the one before is stored.
        async with self._lock:
            return await self._write(scope, Stored(documents, history, stamp_of(documents)), stamp)

    async def _write(self, scope: Scope, later: Stored, stamp: str) -> bool:
        in_the_way = self._in_the_way(scope, later)
        if in_the_way is None:
            raise Overloaded(
                "the registry server has no space for more rules: see [node] max_rule_scopes "
                "and max_rule_bytes"
            )
        if self._folder is not None:
            if not await self._write_file(self._folder, scope, later, stamp):
                return False
        elif self.known(scope).stamp != stamp:
            return False
        else:
            self._put(scope, later)
        for one in in_the_way:
            await self._forget(one)
        return True

    async def merge(self, scope: Scope, theirs: Stored) -> tuple[RuleChange, ...]:
        """
        Join with what another server of the group has, and return the conflicts.

        Raises:
            ValueError: one of the two cannot be read.
            RegistryError: it cannot be stored.
            Overloaded: it exceeds a limit.
        """
        for _ in range(_MAX_TRIES):
            own = await self.read(scope)
            merged = await self._threads.call(merge, own, theirs)
            now = merged.stored
            if now.documents is None or now == own:
                return ()
            if own.documents is None and self._is_refused_removal(scope, now):
                return ()
            if await self.write(scope, now.documents, now.history, own.stamp):
                return merged.conflicts
        raise RegistryError(f"they were changed {_MAX_TRIES} times meanwhile")

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
        if found.documents is not None and self._in_the_way(scope, found) == []:
            self._put(scope, found)
        elif found.documents is None:
            self._remove(scope)

    def _note_unread(self, scope: Scope, reason: str) -> None:
        self.unread[scope] = reason
        self._log.warn_of(
            "unread", "the rules of {scope}: {reason}", scope=str(scope), reason=reason
        )

    def _remove(self, scope: Scope) -> None:
        gone = self._records.pop(scope, None)
        if gone is not None:
            self._removed.pop(scope, None)
            self.marks.put(scope, NOTHING)
            self._bytes -= _size(gone)
            self.changed(scope)
            self.on_news()

    async def _forget(self, scope: Scope) -> None:
        """
        Forget a scope without documents, unless it has got some meanwhile.
        """
        known = self.known(scope)
        if self._folder is not None:
            try:
                await self._threads.call(remove_records, self._folder, scope, known.stamp)
            except OSError:
                return  # the next change tries it again
        if scope in self._removed and self._records.get(scope) is known:
            self._remove(scope)

    def _is_refused_removal(self, scope: Scope, theirs: Stored) -> bool:
        """
        Tell whether another server remembers a removal that there is no space for here.
        """
        return (
            removed_at(theirs.documents or b"") is not None
            and self._in_the_way(scope, theirs) != []
        )

    def _in_the_way(self, scope: Scope, later: Stored) -> list[Scope] | None:
        """
        Return what is to be forgotten for a record to fit; None if it does not fit even so.
        """
        records = self._records
        count = len(records) + (scope not in records) - self.max_scopes
        size = self._bytes + _size(later) - _size(self.known(scope)) - self._max_bytes
        if count <= 0 and size <= 0:
            return []
        gone = []
        for one in sorted(self._removed.keys() - {scope}, key=self._by_removal):
            gone.append(one)
            size -= _size(records[one])
            if len(gone) >= count and size <= 0:
                return gone
        return None

    def _by_removal(self, scope: Scope) -> tuple[float, str, str]:
        return self._removed[scope], scope.kind, scope.name

    def _put(self, scope: Scope, later: Stored) -> None:
        self._bytes += _size(later) - _size(self.known(scope))
        self._records[scope] = later
        self.unread.pop(scope, None)
        self._removed.pop(scope, None)
        at = removed_at(later.documents or b"")
        if at is not None:
            self._removed[scope] = at
        self.marks.put(scope, later)
        self.changed(scope)
        self.on_news()


def _size(stored: Stored) -> int:
    return len(stored.documents or b"") + len(stored.history)


def _error(folder: Path, error: OSError) -> RegistryError:
    return RegistryError(f"the folder of rules {folder} cannot be used: {error.strerror or error}")
