"""
Encoded updates, and a bounded number of them for the next consumers that need the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

import msgspec
from attrs import frozen

from rpcfw_registries.standalone.updates import RulesUpdate, Update

__all__ = ["PART_BYTES", "Encoded", "Encodings", "Known", "Part", "encoded_part"]

#: Records are sent in parts of about this size, far below any limit on messages.
PART_BYTES = 256 << 10
_KEPT_BYTES = 200

_encode = msgspec.json.Encoder().encode

#: An encoded update, and how many bytes it has.
Part = tuple[msgspec.Raw, int]

#: What a consumer knows: all changes of a list up to a number, or the record of rules with a stamp.
#: None: nothing.
Known = int | str | None


@frozen(eq=False)
class Encoded:
    """
    What to send to a consumer, to be sent in one piece or several.

    Args:
        known: what it knows then; None: it has to ask again.
        parts: each an encoded update, with its size.
    """

    known: Known
    parts: tuple[Part, ...] = ()

    @property
    def size(self) -> int:
        """
        What it takes of the memory, about.
        """
        return _KEPT_BYTES + sum(size for _, size in self.parts)


K = TypeVar("K", bound=Hashable)


class Encodings(Generic[K]):
    """
    Encodings by what they are of.

    Args:
        max_bytes: of all; the oldest are dropped.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept: OrderedDict[K, Encoded] = OrderedDict()
        self._bytes = 0

    def get(self, key: K, known: Known) -> Encoded | None:
        """
        Return the encoding after which a consumer knows this.
        """
        kept = self._kept.get(key)
        if kept is None or kept.known == known:
            return kept
        self._drop(key)
        return None

    def put(self, key: K, encoded: Encoded) -> Encoded:
        """
        Keep a new encoding, and return it.
        """
        self._kept[key] = encoded
        self._bytes += encoded.size
        while self._bytes > self._max_bytes:
            self._drop(next(iter(self._kept)))
        return encoded

    def _drop(self, key: K) -> None:
        self._bytes -= self._kept.pop(key).size


def encoded_part(update: Update | RulesUpdate) -> Part:
    """
    Encode an update.
    """
    encoded = _encode(update)
    return msgspec.Raw(encoded), len(encoded)
