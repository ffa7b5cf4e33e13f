"""
Limits keys of maps and items of sets, whose hashes a peer can choose.

Values that meet in a hash table are compared with each other, so the time for a map of them
grows with the square of their number. Python makes hashes of strings with a secret of the
process, so these are not limited. Those of numbers anybody can foresee: all multiples of
2^61-1 have the same, and numbers of different hashes can meet in the table too.
"""

from __future__ import annotations

from collections.abc import Hashable

from rpcfw_hessian.errors import HessianError

__all__ = ["HashGuard"]

#: In honest data hardly two different values have the same.
_MAX_SAME_HASH = 64


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
        try:
            values = self._values.setdefault(hash(key), [])
        except TypeError:
            raise HessianError(
                f"expected a key that Python can hash, got {type(key).__qualname__}"
            ) from None
        if key not in values:
            if len(values) >= _MAX_SAME_HASH:
                raise HessianError("expected keys of different hashes, got too many of the same")
            values.append(key)
