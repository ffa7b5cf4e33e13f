"""
A limit for the rate of calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

from rpcfw.spi.limiter import Limit, Limiter, LimiterOptions
from rpcfw.spi.options import option, options
from rpcfw.values.units import PerSecond

__all__ = ["TokenBucket"]


@options
class TokenBucketOptions(LimiterOptions):
    """
    What the INI may say.
    """

    rate: PerSecond = option("1000/s", "calls that may begin, on average")
    burst: int = option("100", "calls that may begin at once after a pause")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no limiter could be made of.
        """
        yield from super().problems()
        if self.rate <= 0:
            yield "rate", "must be more than 0/s"
        if self.burst < 1:
            yield "burst", f"must be at least 1, not {self.burst}"


class TokenBucket(Limiter):
    """
    Limits how many calls begin in a second.
    """

    Options: ClassVar[type] = TokenBucketOptions

    def limit(self) -> Limit:
        return _Bucket(self.options, self.seconds)


class _Bucket(Limit):
    """
    It holds up to ``burst`` tokens; a call takes one, and ``rate`` of them come in a second.
    """

    __slots__ = ("_filled_at", "_seconds", "_tokens")

    def __init__(self, options: Any, seconds: Callable[[], float]) -> None:
        super().__init__(options)
        self._seconds = seconds
        self._tokens = float(options.burst)
        self._filled_at = seconds()

    def enter(self) -> float | None:
        self._fill()
        if self._tokens < 1:
            wait_s: float = (1 - self._tokens) / self.options.rate
            return wait_s
        self._tokens -= 1
        return None

    def use(self, options: Any) -> None:
        self._fill()
        super().use(options)
        self._tokens = min(self._tokens, options.burst)

    def __str__(self) -> str:
        self._fill()
        return f"{self._tokens:.3g} of {self.options.burst} calls may begin at once"

    @property
    def idle(self) -> bool:
        self._fill()
        return bool(self._tokens >= self.options.burst)

    def _fill(self) -> None:
        now, options = self._seconds(), self.options
        gain = (now - self._filled_at) * options.rate
        self._tokens = min(options.burst, self._tokens + gain)
        self._filled_at = now
