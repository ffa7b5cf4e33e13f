"""
A fixed limit for the calls in flight.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rpcfw.spi.limiter import Limit, Limiter, LimiterOptions
from rpcfw.spi.options import option, options
from rpcfw.status import Status

__all__ = ["Concurrency"]


@options
class ConcurrencyOptions(LimiterOptions):
    """
    What the INI may say.
    """

    max_calls: int = option("100", "maximum number of calls in flight")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no limiter could be made of.
        """
        yield from super().problems()
        if self.max_calls < 1:
            yield "max_calls", f"must be at least 1, not {self.max_calls}"


class Concurrency(Limiter):
    """
    Limits how many calls are in flight.
    """

    Options: ClassVar[type] = ConcurrencyOptions

    def limit(self) -> Limit:
        return _InFlight(self.options)


class _InFlight(Limit):
    __slots__ = ("_calls",)

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self._calls = 0

    def enter(self) -> float | None:
        if self._calls >= self.options.max_calls:
            return 0.0
        self._calls += 1
        return None

    def left(self, began_at: float, status: Status) -> None:
        self._calls -= 1

    def __str__(self) -> str:
        return f"{self._calls} of {self.options.max_calls} calls are in flight"

    @property
    def idle(self) -> bool:
        return self._calls == 0
