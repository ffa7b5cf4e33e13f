"""
Hashes of the rules of one registry server, to compare them with another's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b

from rpcfw.values.rule import Scope
from rpcfw_registries.rules.store import Stored

__all__ = ["BUCKETS", "RuleMarks"]

#: Servers tell each other what is in the buckets that differ.
BUCKETS = 256


class RuleMarks:
    """
    A mark, which is a hash, for each scope. A bucket's hash is the exclusive or of its marks.
    """

    def __init__(self) -> None:
        self._buckets: list[dict[Scope, int]] = [{} for _ in range(BUCKETS)]
        self._hashes = [0] * BUCKETS
        self._hash = 0

    def __len__(self) -> int:
        return sum(map(len, self._buckets))

    @property
    def hash(self) -> str:
        """
        The hash of all, as hexadecimal digits.
        """
        return f"{self._hash:016x}"

    def get(self, scope: Scope) -> int:
        """
        Return the mark of a scope, 0 if nothing is stored for it.
        """
        return self._buckets[_bucket_of(scope)].get(scope, 0)

    def put(self, scope: Scope, stored: Stored) -> None:
        """
        Note what is stored for a scope.
        """
        number = _bucket_of(scope)
        old = self._buckets[number].pop(scope, 0)
        new = 0
        if stored.documents is not None:
            new = self._buckets[number][scope] = _mark_of(scope, stored)
        self._hashes[number] ^= old ^ new
        self._hash ^= old ^ new

    def hashes(self) -> list[int]:
        """
        Return the hash of each bucket.
        """
        return list(self._hashes)

    def different(self, hashes: Iterable[int]) -> Iterator[tuple[Scope, int]]:
        """
        Return scopes and marks of the buckets whose hashes are not these.
        """
        for bucket, own, other in zip(self._buckets, self._hashes, hashes, strict=True):
            if own != other:
                yield from bucket.items()


def _bucket_of(scope: Scope) -> int:
    return _hash_of(_name_of(scope)) % BUCKETS


def _mark_of(scope: Scope, stored: Stored) -> int:
    name, documents = _name_of(scope), stored.documents or b""
    # The length before the documents keeps them apart from the history.
    return _hash_of(name, b"\0%d\0" % len(documents), documents, stored.history)


def _name_of(scope: Scope) -> bytes:
    return f"{scope.kind}\0{scope.name}".encode("utf-8", "surrogatepass")


def _hash_of(*parts: bytes) -> int:
    hashed = blake2b(digest_size=8)
    for part in parts:
        hashed.update(part)
    return int.from_bytes(hashed.digest(), "big")
