"""
One node's copy of all registrations, and hashes to compare it with another's.

Theory of operation. Merging keeps the entry with the highest order for each key. That is
commutative, associative and idempotent, so copies that have seen the same entries are equal,
in whatever order and however often they came: a last-writer-wins map, one of the convergent
replicated data types of Shapiro et al. 2011.

Keys are spread over buckets. A bucket's hash is the exclusive or of the hashes of its live
entries, so one change costs two hashes. Two nodes with different hashes exchange only the
buckets that differ. Removals are left out of the hashes: each node forgets them at a time of
its own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from itertools import islice
from math import inf

from attrs import define, field

from rpcfw_registries.standalone.node.replication.messages import Entry, State

__all__ = ["BUCKETS", "Copy", "Key"]

#: A bucket of a full server (100,000 instances) is then one message of about 50 KiB.
BUCKETS = 1024

#: Service and id.
Key = tuple[str, str]


@define(eq=False)
class _Bucket:
    keys: dict[Key, None] = field(factory=dict)
    hash: int = 0


class Copy:
    """
    Entries by key, live and removed ones.

    Args:
        max_removed: how many removals are remembered; the oldest are forgotten first.
    """

    def __init__(self, max_removed: int) -> None:
        self._max_removed = max_removed
        # Beside the buckets: a renewal looks up each key, and finding its bucket costs a hash.
        self._entries: dict[Key, Entry] = {}
        self._buckets = [_Bucket() for _ in range(BUCKETS)]
        #: When each removal was seen; the oldest first.
        self._removed: OrderedDict[Key, float] = OrderedDict()
        #: The live entries whose leases each node keeps.
        self._by_node: dict[str, dict[Key, None]] = {}
        self._hash = 0
        self.live = 0
        #: When something was put last.
        self.changed_at = -inf

    @property
    def hash(self) -> str:
        """
        The hash of all live entries, as hexadecimal digits.
        """
        return f"{self._hash:016x}"

    def get(self, key: Key) -> Entry | None:
        """
        Return the entry of a key, also if it is a removal.
        """
        return self._entries.get(key)

    def put(self, entry: Entry, now: float) -> None:
        """
        Replace the entry of a key.
        """
        key = (entry.service, entry.id)
        self.changed_at = now
        bucket = self._buckets[_bucket_of(key)]
        old = self._entries.get(key)
        if old is not None and old.state is State.LIVE:
            self._count_live(bucket, key, old, -1)
        bucket.keys[key] = None
        self._entries[key] = entry
        self._removed.pop(key, None)
        if entry.state is State.LIVE:
            self._count_live(bucket, key, entry, 1)
        else:
            self._removed[key] = now
            if len(self._removed) > self._max_removed:
                self._forget(next(iter(self._removed)))

    def forget_removed(self, before: float, most: int) -> None:
        """
        Forget the removals that were seen before a time, the oldest first, up to a number.
        """
        for key, seen in tuple(islice(self._removed.items(), most)):
            if seen >= before:
                return
            self._forget(key)

    def nodes(self) -> list[str]:
        """
        Return the nodes that keep leases.
        """
        return list(self._by_node)

    def kept_by(self, node: str, most: int) -> list[Entry]:
        """
        Return the live entries whose leases a node keeps, up to a number.
        """
        return [self._entries[key] for key in islice(self._by_node.get(node, ()), most)]

    def hashes(self) -> list[int]:
        """
        Return the hash of each bucket.
        """
        return [bucket.hash for bucket in self._buckets]

    def different(self, hashes: list[int]) -> list[int]:
        """
        Return the numbers of the buckets whose hashes are not these.
        """
        pairs = zip(self._buckets, hashes, strict=True)
        return [number for number, (bucket, other) in enumerate(pairs) if bucket.hash != other]

    def entries(self, buckets: Iterable[int]) -> Iterator[Entry]:
        """
        Return what is in some buckets, with the removals.
        """
        for number in buckets:
            yield from [self._entries[key] for key in self._buckets[number].keys]

    def _forget(self, key: Key) -> None:
        del self._removed[key]
        del self._entries[key], self._buckets[_bucket_of(key)].keys[key]

    def _count_live(self, bucket: _Bucket, key: Key, entry: Entry, difference: int) -> None:
        value = _hash_of(entry)
        bucket.hash ^= value
        self._hash ^= value
        self.live += difference
        keys = self._by_node.setdefault(entry.node, {})
        if difference > 0:
            keys[key] = None
            return
        del keys[key]
        if not keys:
            del self._by_node[entry.node]


def _digest(*parts: str) -> int:
    # The length before each part keeps ("a", "bc") from being ("ab", "c").
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _bucket_of(key: Key) -> int:
    return _digest(*key) % BUCKETS


def _hash_of(entry: Entry) -> int:
    """
    Return the hash of a version: it says all, since a version is written only once.
    """
    return _digest(entry.service, entry.id, str(entry.counter), entry.node)
