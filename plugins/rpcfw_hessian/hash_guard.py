"""
Limits keys of maps and items of sets, whose hashes a peer can choose.

Values of the same hash are compared with each other, so the time for a map of them grows with
the square of their number. Python makes hashes of strings with a secret of the process, so
these are not limited. Those of numbers anybody can foresee: all multiples of 2^61-1 have the
same. Numbers of different hashes can collide in the table too, so their number is limited as
well.
"""

from __future__ import annotations

from collections.abc import Hashable

from rpcfw_hessian.errors import HessianError

__all__ = ["HashGuard"]

#: In honest data hardly two values have the same.
_MAX_SAME_HASH = 64


class HashGuard:
    """
    Counts keys of one message.
    """

    __slots__ = ("_count", "_hashes", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._hashes: dict[int, int] = {}

    def check(self, key: Hashable) -> None:
        """
        Raise if a key, which is not a string, is one of too many.
        """
        self._count += 1
        if self._count > self._most:
            raise HessianError(
                f"expected at most {self._most} keys of maps and items of sets that are no "
                "strings, got more"
            )
        try:
            value = hash(key)
        except TypeError:
            raise HessianError(
                f"expected a key that Python can hash, got {type(key).__qualname__}"
            ) from None
        same = self._hashes.get(value, 0)
        if same >= _MAX_SAME_HASH:
            raise HessianError("expected keys of different hashes, got too many of the same")
        self._hashes[value] = same + 1
