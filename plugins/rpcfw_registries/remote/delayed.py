"""
Entries of a reconciler that are tried again after a delay.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from attrs import define, field

from rpcfw_registries.remote.entry import Entry
from rpcfw_registries.remote.store import Key

__all__ = ["DelayedEntries"]


@define(eq=False)
class _Batch:
    due_at: float
    entries: dict[Key, Entry] = field(factory=dict)


class DelayedEntries:
    """
    Entries that wait. Those with the same delay are due together, with the first of them.

    Args:
        due_at: returns when a delay is over that begins now.
    """

    def __init__(self, due_at: Callable[[float], float]) -> None:
        self._due_at = due_at
        self._batches: dict[float, _Batch] = {}

    @property
    def next_at(self) -> float:
        """
        When the first are due.
        """
        return min((batch.due_at for batch in self._batches.values()), default=math.inf)

    def add(self, entry: Entry, delay_s: float) -> None:
        """
        Add an entry.
        """
        batch = self._batches.get(delay_s)
        if batch is None:
            batch = self._batches[delay_s] = _Batch(self._due_at(delay_s))
        batch.entries[entry.key] = entry

    def pop(self, key: Key, default: None) -> None:
        """
        Remove an entry, if it is there.
        """
        for batch in self._batches.values():
            batch.entries.pop(key, default)

    def take_due(self, now: float) -> dict[Key, Entry]:
        """
        Remove all that are due, and return them.
        """
        due: dict[Key, Entry] = {}
        for delay_s, batch in tuple(self._batches.items()):
            if now >= batch.due_at:
                due.update(batch.entries)
                del self._batches[delay_s]
        return due

    def clear(self) -> None:
        """
        Remove all.
        """
        self._batches.clear()
