"""
A ring of points: each key belongs to the owner of the first point at or after it.

An owner has many points (*virtual nodes*), so that shares are even, and so that the keys of
one that leaves are spread over all others. The points of an owner depend on its name alone:
all clients have the same ring, and other keys stay where they are.

A point is one number: its place, followed by the number of its owner in this ring. So a ring
is a sorted list, and nothing else that grows with the points.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from struct import unpack

__all__ = ["HashRing", "hash_of"]

#: One digest is that many points.
_POINTS = 8
_OWNER_BITS = 24
_OWNER = (1 << _OWNER_BITS) - 1


def hash_of(text: str) -> int:
    """
    Return the place of a key: the same in all processes, and spread evenly.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


class HashRing:
    """
    Not changed once it is made.

    Args:
        counts: number of points by the name of the owner.
        before: a ring to begin with. If few owners have changed, this costs far less.
    """

    def __init__(self, counts: Mapping[str, int], before: HashRing | None = None) -> None:
        self.counts = dict(counts)
        self.owners: dict[int, str] = {}
        self.points: list[int] = []
        if before is not None:
            self._begin_with(before)
        number, same = 0, set(self.owners.values())
        for name in counts.keys() - same:
            while number in self.owners:
                number += 1
            self.owners[number] = name
            self.points += [place << _OWNER_BITS | number for place in _places(name, counts[name])]
        self.points.sort()  # what was sorted already is merged

    def from_key(self, key: str) -> Iterator[str]:
        """
        Yield the owners of the points from a key's place on, once around; names come again.
        """
        points, owners = self.points, self.owners
        start = bisect_left(points, hash_of(key) << _OWNER_BITS)
        for place in range(start - len(points), start):  # a negative index goes around
            yield owners[points[place] & _OWNER]

    def _begin_with(self, before: HashRing) -> None:
        counts = self.counts
        gone = set()
        for number, name in before.owners.items():
            if before.counts[name] == counts.get(name):
                self.owners[number] = name
            else:
                gone.add(number)
        self.points = [point for point in before.points if point & _OWNER not in gone]


def _places(name: str, count: int) -> Iterator[int]:
    for number in range(0, count, _POINTS):
        text = f"{name}#{number}".encode("utf-8", "surrogatepass")
        digest = blake2b(text, digest_size=8 * _POINTS).digest()
        yield from unpack(f"<{_POINTS}Q", digest)[: count - number]
