"""
Open after failures in a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rpcfw.spi.breaker import Breaker, BreakerOptions, FailureDetector
from rpcfw.spi.options import option, options

__all__ = ["Consecutive"]


@options
class ConsecutiveOptions(BreakerOptions):
    """
    What the INI may say.
    """

    failures: int = option("5", "failures in a row that open the breaker")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no breaker could be made of.
        """
        yield from super().problems()
        if self.failures < 1:
            yield "failures", f"must be at least 1, not {self.failures}"


class Consecutive(Breaker):
    """
    Leaves a node alone after failures in a row.
    """

    Options: ClassVar[type] = ConsecutiveOptions

    def detector(self) -> FailureDetector:
        return _InARow(self.options.failures)


class _InARow(FailureDetector):
    __slots__ = ("_failures", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._failures = 0

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> str:
        self._failures += 1
        return f"{self._failures} failures in a row" if self._failures >= self._limit else ""

    def take_over(self, before: _InARow) -> None:
        self._failures = before._failures
