"""
Which calls are slow.
"""

from __future__ import annotations

from math import inf

from attrs import field, frozen

__all__ = ["Slowness"]

#: A call that took less is not slow for its share of its deadline. So one comparison is all
#: that most calls cost.
_MIN_S = 0.01


@frozen
class Slowness:
    """
    The limits from which on a call is slow. Any of the two is enough.

    Args:
        after_s: the time that it took; infinite for no such limit.
        share: the part that it took of its time limit; 0 for no such limit.
        min_s: no call that took less is slow.
    """

    after_s: float = 1.0
    share: float = 0.75
    min_s: float = field(init=False)

    @min_s.default
    def _find_min(self) -> float:
        return min(self.after_s, _MIN_S if self.share else inf)

    def reached(self, took_s: float, limit_s: float) -> bool:
        """
        Tell whether a call was slow.

        Args:
            took_s: how long it took.
            limit_s: its time limit; infinite for none.
        """
        if took_s >= self.after_s:
            return True
        return bool(self.share) and took_s >= max(_MIN_S, self.share * limit_s)
