"""
Rules on a store of records, whatever place that is.

Theory of operation. All documents of a scope are one record, so a process has one watch for
each service, and a change of one document is one notification. Who changes a document reads
the record, and replaces it only if nobody else has done so meanwhile. If somebody has, and
the document itself is still as it was read, the same is tried again.

A watch must not take an older record for a change: a replica that lags behind may have one,
and a backup that was restored. Versions do not tell, because they begin again in a place that
lost its data, and are given a second time after a backup. So each change has a random *id*,
and a record has the ids of the changes before it. A record is old if the one that was
reported names it there, with all its other changes; any other is followed.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleConflict, RuleListener, Rules, RuleWatch, ignore
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.rule import (
    MAX_DOCUMENT_BYTES,
    Author,
    Document,
    RuleChange,
    RuleSet,
    Scope,
    day_and_time,
)
from rpcfw_registries.rules.records import (
    DocumentRecord,
    documents_from,
    documents_to,
    history_from,
    history_to,
)
from rpcfw_registries.rules.store import RecordStore, Stored, stamp_of

__all__ = ["StoredRules"]

#: So often somebody else may change another document of the scope at the same moment.
_MAX_TRIES = 5

#: Who and why are in each document and each change.
_MAX_WORDS = 1000

_log = Logger()


class StoredRules(Rules):
    """
    The rules of one store.

    Args:
        store: keeps the records.
        options: of the plugin, if it is one of its own.
    """

    def __init__(
        self, store: RecordStore, plugin_context: PluginContext, options: Any = None
    ) -> None:
        super().__init__(options, plugin_context)
        self._store = store
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)

    @property
    def trouble(self) -> str:
        return self._store.trouble

    async def read(self, scope: Scope) -> RuleSet:
        record = self._record(scope, await self._store.read(scope))
        return RuleSet(scope, record.version, record.by_kind())

    async def put(
        self, scope: Scope, kind: str, body: str, version: int, author: Author
    ) -> Document:
        size = len(body.encode("utf-8", "surrogatepass"))
        if size > MAX_DOCUMENT_BYTES:
            raise RegistryError(
                f"the document has {size} bytes; at most {MAX_DOCUMENT_BYTES} are stored"
            )
        done = await self._change(scope, kind, body, version, author)
        return Document(kind, body, done.version, done.who, done.at, done.reason)

    async def remove(self, scope: Scope, kind: str, version: int, author: Author) -> None:
        await self._change(scope, kind, None, version, author)

    async def history(self, scope: Scope) -> tuple[RuleChange, ...]:
        stored = await self._store.read(scope)
        try:
            return history_from(stored.history)
        except ValueError as error:
            raise RegistryError(f"the history of {scope} cannot be read: {error}") from None

    def watch(
        self, scope: Scope, listener: RuleListener, on_refused: OnRefused = ignore
    ) -> RuleWatch:
        latest = _Latest(scope, listener, on_refused, self._log)
        return self._store.watch(scope, latest.take, on_refused)

    async def _change(
        self, scope: Scope, kind: str, body: str | None, version: int, author: Author
    ) -> RuleChange:
        """
        Put a text in the place of the document that was read; None removes it.
        """
        for _ in range(_MAX_TRIES):
            stored = await self._store.read(scope)
            record = self._record(scope, stored)
            before = record.find(kind)
            if (before.version if before else 0) != version:
                raise RuleConflict(_conflict(scope, kind, before, version, stored))
            number = record.version + 1
            change = RuleChange(
                number,
                kind,
                author.who[:_MAX_WORDS],
                self.plugin_context.time_of_day(),
                author.reason[:_MAX_WORDS],
                None if before is None else before.body,
                body,
            )
            id = f"{self.plugin_context.random.randrange(1 << 64):016x}"
            documents = documents_to(record.changed(change, id))
            history = history_to((change, *_readable(stored.history)))
            if await self._store.write(scope, documents, history, stored.stamp):
                return change
        raise RegistryError(
            f"the rules of {scope} were changed {_MAX_TRIES} times meanwhile; try again"
        )

    def _record(self, scope: Scope, stored: Stored) -> DocumentRecord:
        if stored.documents is None:
            return DocumentRecord(0)
        try:
            return documents_from(stored.documents)
        except ValueError as error:
            raise RegistryError(
                f"the rules of {scope} cannot be read: {error}; mend or remove the record "
                "where it is stored"
            ) from None


class _Latest:
    """
    Reports the documents of a scope, and only what is new.
    """

    def __init__(
        self, scope: Scope, listener: RuleListener, on_refused: OnRefused, log: LimitedLog
    ) -> None:
        self._scope = scope
        self._listener = listener
        self._on_refused = on_refused
        self._log = log
        #: Stamp of the record that was taken last, readable or not; None before the first.
        self._stamp: str | None = None
        #: The record that was reported last.
        self._record: DocumentRecord | None = None

    def take(self, data: bytes | None) -> None:
        """
        Take the record as it is now.
        """
        stamp = "" if data is None else stamp_of(data)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if data is None:
            self._none_stored()
            return
        try:
            record = documents_from(data)
        except ValueError as error:
            self._on_refused(str(error))
            return
        if self._record is not None:
            if self._is_old(record, self._record):
                return
            record = record.after(self._record)
        self._record = record
        self._report(RuleSet(self._scope, record.version, record.by_kind()))

    def _is_old(self, record: DocumentRecord, now: DocumentRecord) -> bool:
        if record == now:
            return True
        if not now.includes(record):
            return False
        if record.includes(now):
            # Servers of a group had the same changes in another order.
            return record.version <= now.version
        self._warn(
            "older",
            f"the registry has version {record.version} of the rules of {self._scope} again; "
            f"version {now.version} stays in use until somebody puts others",
        )
        return True

    def _none_stored(self) -> None:
        if self._record is None:
            self._report(RuleSet(self._scope))
        elif self._record.by_kind():
            self._warn(
                "lost",
                f"the registry has lost the rules of {self._scope}; the last ones stay in use "
                "until somebody puts others",
            )

    def _report(self, rules: RuleSet) -> None:
        try:
            self._listener(rules)
        except Exception:  # noqa: BLE001 - it breaks its contract; the watch goes on
            _log.failure("a listener to the rules of {scope} raised", scope=str(self._scope))

    def _warn(self, kind: str, what: str) -> None:
        self._log.warn_of(f"{kind}: {self._scope}", "{what}", what=what)


def _readable(history: bytes) -> tuple[RuleChange, ...]:
    """
    Return the changes so far. A history that is broken is no reason to refuse a change.
    """
    try:
        return history_from(history)
    except ValueError:
        return ()


def _conflict(scope: Scope, kind: str, now: Document | None, version: int, stored: Stored) -> str:
    read = f"version {version}" if version else "that there is none"
    if now is not None:
        why = f" ({now.reason})" if now.reason else ""
        state = f"has version {now.version} now, put by {now.who} at {day_and_time(now.at)}{why}"
    else:
        last = next((one for one in _readable(stored.history) if one.kind == kind), None)
        state = "is not there"
        if last is not None:
            state = f"is not there any more: {last.who} removed it at {day_and_time(last.at)}"
    return f"{kind} of {scope} {state}; you have read {read}. Read it again, then change it"
