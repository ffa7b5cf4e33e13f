"""
A budget of repeats, so that retries do not bury a backend that is going down.

The rule is that of gRPC's retry throttling (proposal A6): tokens are lost by
failures, won back slowly by successes, and the upper half of them may be spent.
"""

from __future__ import annotations

__all__ = ["Budget"]


class Budget:
    """
    The tokens of one client.

    Args:
        most: how many there are at the beginning, and at most; 0 for no limit.
        ratio: how many a success brings back.
    """

    __slots__ = ("_half", "_max", "_ratio", "_tokens", "full")

    def __init__(self, most: float, ratio: float) -> None:
        self._max = self._tokens = most
        self._half = most / 2
        #: No token is missing: `refill` would do nothing, and need not be called.
        self.full = True
        self._ratio = ratio

    def take_over(self, before: Budget) -> None:
        """
        Have as large a share of the tokens left as another budget has.
        """
        if before._max:
            self._tokens = self._max * (before._tokens / before._max)
            self.full = before.full

    @property
    def allows(self) -> bool:
        """
        Whether there are tokens to spend.
        """
        return not self._max or self._tokens > self._half

    def spend(self, cost: float = 1.0) -> bool:
        """
        Take a failure into account; return whether it may be repeated.
        """
        self._tokens = max(0.0, self._tokens - cost)
        self.full = self._tokens >= self._max
        return self.allows

    def refill(self) -> None:
        """
        Take a success into account.
        """
        if not self.full:
            self._tokens = min(self._max, self._tokens + self._ratio)
            self.full = self._tokens >= self._max
