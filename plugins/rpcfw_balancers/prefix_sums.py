"""
Prefix sums of weights that change, with O(log n) for a change and for a draw.

This is a Fenwick tree: the entry at ``i`` (from 1) holds the sum of the last ``i & -i``
weights up to it.
"""

from __future__ import annotations

__all__ = ["PrefixSums"]


class PrefixSums:
    """
    Weights by index; whole numbers, so that changes leave no rounding errors behind.

    Args:
        size: number of weights; all are 0 at first.
    """

    def __init__(self, size: int) -> None:
        self._weights = [0] * size
        self._sums = [0] * (size + 1)
        self._top = 1 << size.bit_length() >> 1
        self.total = 0

    def __getitem__(self, index: int) -> int:
        return self._weights[index]

    def __setitem__(self, index: int, weight: int) -> None:
        change = weight - self._weights[index]
        if not change:
            return
        self._weights[index] = weight
        self.total += change
        sums, place = self._sums, index + 1
        while place < len(sums):
            sums[place] += change
            place += place & -place

    def find(self, point: int) -> tuple[int, int]:
        """
        Return the index whose stretch has the point, and how far into the stretch it is.

        Args:
            point: on the line of all weights laid end to end: at least 0, below ``total``.
        """
        sums, place, step = self._sums, 0, self._top
        while step:
            after = place + step
            if after < len(sums) and sums[after] <= point:
                place = after
                point -= sums[after]
            step >>= 1
        return place, point
