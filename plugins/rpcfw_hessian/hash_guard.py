"""
Limits keys of maps and items of sets, whose hashes a peer can choose.

Values that meet in a hash table are compared with each other, so the time for a map of them
grows with the square of their number. Python makes hashes of strings with a secret of the
process, so these are not limited. Those of numbers anybody can foresee: all multiples of
2^61-1 have the same, and numbers of different hashes can meet in the table too.

A key may also be a frozen instance of a class of the program. The hash of one that shares its
parts, as by two references to the same instance at each of 60 levels, would take for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec

from rpcfw_hessian.errors import HessianError

__all__ = ["HashGuard", "can_hash"]

#: In honest data hardly two different values have the same.
_MAX_SAME_HASH = 64
#: Values in one key; a value that stands in it twice is two.
_MAX_PARTS = 256
#: The usual keys that are no strings.
_ONE_VALUE = frozenset((int, float, bool, bytes, str, type(None), date, datetime, Decimal, UUID))


def can_hash(key: Any) -> bool:
    """
    Tell whether Python can hash a key.

    Raises:
        HessianError: it is too large.
    """
    if type(key) in _ONE_VALUE:
        return True
    _check_size(key)
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _check_size(key: Any) -> None:
    count = 0
    waiting = [key]
    while waiting:
        count += 1
        if count > _MAX_PARTS:
            raise HessianError(f"expected a key of at most {_MAX_PARTS} values, got a larger one")
        waiting += _parts(waiting.pop())


def _parts(value: Any) -> Iterable[Any]:
    """
    Return the values of which the hash of a value is made.
    """
    if isinstance(value, (tuple, frozenset)):
        return value
    cls = type(value)
    if dataclasses.is_dataclass(cls):
        names = [field.name for field in dataclasses.fields(cls)]
    elif attrs.has(cls):
        names = [field.name for field in attrs.fields(cls)]
    elif isinstance(value, msgspec.Struct):
        names = list(value.__struct_fields__)
    else:
        return ()
    return [getattr(value, name) for name in names]


class HashGuard:
    """
    Counts keys of one message.

    Args:
        most: keys of one map. Of smaller maps there may be more, as they take less time.
    """

    __slots__ = ("_left", "_most", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = most * most // 2
        #: Values by their hashes.
        self._values: dict[int, list[Hashable]] = {}

    def check(self, key: Hashable, size: int) -> None:
        """
        Raise if a key, which is not a string, is one of too many.

        Args:
            size: keys that its map has. With each of them it may be compared.
        """
        self._left -= size
        if self._left < 0:
            raise HessianError(
                f"expected at most {self._most} keys of a map or items of a set that are no "
                "strings, got more"
            )
        if not can_hash(key):
            raise HessianError(f"expected a key that Python can hash, got {type(key).__qualname__}")
        values = self._values.setdefault(hash(key), [])
        if key not in values:
            if len(values) >= _MAX_SAME_HASH:
                raise HessianError("expected keys of different hashes, got too many of the same")
            values.append(key)
