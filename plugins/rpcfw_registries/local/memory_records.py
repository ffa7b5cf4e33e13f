"""
Records of rules in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakValueDictionary

from attrs import define, field

from rpcfw.errors import RegistryError
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.store import NOTHING, RecordListener, RecordStore, Stored, stamp_of

__all__ = ["MemoryRecords", "RecordTable", "record_table"]


@define(eq=False)
class RecordTable:
    """
    The records, for all stores that share them.

    Args:
        away: they cannot be reached, as a test may want it.
    """

    away: bool = False
    records: dict[Scope, Stored] = field(factory=dict)
    #: By scope: a server has many watches, and a change is for those of one scope.
    _watches: dict[Scope, set[_MemoryWatch]] = field(factory=dict)

    def put(self, scope: Scope, stored: Stored) -> None:
        """
        Replace what is stored for a scope.
        """
        self.records[scope] = stored
        self._tell(scope)

    def changed(self) -> None:
        """
        Have every watch look again.
        """
        for scope in tuple(self._watches):
            self._tell(scope)

    def add(self, watch: _MemoryWatch) -> None:
        """
        Add a watch.
        """
        self._watches.setdefault(watch.scope, set()).add(watch)

    def discard(self, watch: _MemoryWatch) -> None:
        """
        Forget a watch, if it is known.
        """
        watches = self._watches.get(watch.scope, set())
        watches.discard(watch)
        if not watches:
            self._watches.pop(watch.scope, None)

    @property
    def watches(self) -> int:
        """
        How many watches are open.
        """
        return sum(map(len, self._watches.values()))

    def _tell(self, scope: Scope) -> None:
        for watch in self._watches.get(scope, ()):
            watch.look_soon()


# Applications in one process are assembled apart, and have only a name in common. The
# references are weak, so that nothing leaks into a later test.
_tables: WeakValueDictionary[str, RecordTable] = WeakValueDictionary()


def record_table(name: str) -> RecordTable:
    """
    Return the table of a name; the same one each time, as long as somebody has it.
    """
    return _tables.setdefault(name, RecordTable())


class MemoryRecords(RecordStore):
    """
    The records of a table, as one process sees them.
    """

    def __init__(self, table: RecordTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    @property
    def trouble(self) -> str:
        return "the rules are unreachable" if self._table.away else ""

    async def read(self, scope: Scope) -> Stored:
        if self._table.away:
            raise RegistryError(self.trouble)
        return self._table.records.get(scope, NOTHING)

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        now = await self.read(scope)
        if now.stamp != stamp:
            return False
        self._table.put(scope, Stored(documents, history, stamp_of(documents)))
        return True

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        def tell() -> None:
            if not self._table.away:
                listener(self._table.records.get(scope, NOTHING).documents)

        watch = _MemoryWatch(scope, self._table, self._clock, tell)
        self._table.add(watch)
        watch.look_soon()
        return watch


class _MemoryWatch(RuleWatch):
    def __init__(
        self, scope: Scope, table: RecordTable, clock: Clock, tell: Callable[[], None]
    ) -> None:
        self.scope = scope
        self._table = table
        self._clock = clock
        self._tell = tell
        self._due: DelayedCall | None = None

    def look_soon(self) -> None:
        """
        Tell the listener in the next turn, so that the changes of this one come as one.
        """
        if self._due is None:
            self._due = self._clock.callLater(0, self._look)

    def close(self) -> None:
        self._table.discard(self)
        due, self._due = self._due, None
        if due is not None:
            due.cancel()

    def _look(self) -> None:
        self._due = None
        self._tell()
