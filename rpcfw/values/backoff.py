"""
How long to wait before the next try, as a pure function.

The formula is that of gRPC's connection-backoff.md:
``min(initial * factor ** n, most) * uniform(1 - jitter, 1 + jitter)``.
"""

from __future__ import annotations

from attrs import frozen

__all__ = ["Backoff"]


@frozen
class Backoff:
    """
    A schedule of growing delays.

    Args:
        initial_s: the first delay.
        factor: what each delay is multiplied by.
        max_s: the longest delay, before jitter.
        jitter: the random share that is added or subtracted, 0 to 1.
    """

    initial_s: float = 1.0
    factor: float = 1.6
    max_s: float = 120.0
    jitter: float = 0.2

    def delay_s(self, failures: int, random: float) -> float:
        """
        Return the delay after ``failures`` failed tries (1 or more).

        Args:
            failures: how many tries in a row have failed.
            random: a number drawn from [0, 1).
        """
        try:
            delay = min(self.initial_s * self.factor ** (failures - 1), self.max_s)
        except OverflowError:  # after a year of failures
            delay = self.max_s
        return delay * (1 + self.jitter * (2 * random - 1))
