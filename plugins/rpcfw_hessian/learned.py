"""
Functions that are written for what peers send, which may be anything.

To write one takes a millisecond, so only a few are kept. The first that come have a place at once.
When all places are taken, a further one gets the place of the oldest, but only once it has been
asked for often: a peer that always sends something else does not cost a function for each message,
and does not keep away those of the others.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

__all__ = ["Learned"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_OFTEN = 100
#: Keys that are counted. Then the counting begins again.
_MAX_COUNTED = 1024


class Learned(Generic[K, V]):
    """
    What was learned, by its key. Threads may use one together.

    Args:
        places: how many are kept.

    Attributes:
        known: never changed: each change makes another dict.
    """

    __slots__ = ("_counts", "_places", "known")

    known: dict[K, V]

    def __init__(self, places: int) -> None:
        self.known = {}
        self._places = places
        #: By the hashes of keys, since a key may be large.
        self._counts: dict[int, int] = {}

    def is_due(self, key: K) -> bool:
        """
        Count a key that is not known; return whether it is to be learned.
        """
        if len(self.known) < self._places:
            return True
        counts, number = self._counts, hash(key)
        count = counts[number] = counts.get(number, 0) + 1
        if count >= _OFTEN or len(counts) > _MAX_COUNTED:
            self._counts = {}
        return count >= _OFTEN

    def put(self, key: K, value: V) -> None:
        """
        Keep what was learned.
        """
        known = dict(self.known)
        if len(known) >= self._places:
            del known[next(iter(known))]
        known[key] = value
        self.known = known
