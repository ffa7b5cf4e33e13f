"""
A limit for the calls in flight that follows their latency.

Theory of operation. This is the gradient controller of Envoy's adaptive concurrency filter.
The *ideal latency* is the median of calls while there are so few that they do not wait for
each other. It is measured at the beginning and from time to time, with the limit lowered to
``min_limit``. In between, calls are sampled in short windows. At the end of each::

    gradient = ideal latency * (1 + latency_buffer) / median of the window, within 0.5 and 2
    limit    = gradient * limit + sqrt(gradient * limit)

So the limit falls when calls take longer than they have to, and the square root keeps trying
for more. Calls that began before a measurement say nothing in it.

Two things differ from Envoy. The limit grows only while at least half of it is in use, as in
Netflix's limiters, or an idle time would end with a burst that nobody can serve. A
measurement ends after a second, even if there were few calls, for slow methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import sqrt
from statistics import median_low
from typing import Any, ClassVar

from rpcfw.spi.limiter import Limit, Limiter, LimiterOptions
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.status import Status
from rpcfw.values.units import Seconds, Share

__all__ = ["Adaptive"]

#: What says how long a call takes; other failures may come at once.
_SAMPLED = (Status.OK, Status.DEADLINE_EXCEEDED)
#: Further calls in a window change its median little.
_MAX_SAMPLES = 200
#: Calls that the ideal latency is measured with, and how many are enough after a second.
_IDEAL_SAMPLES, _FEW_SAMPLES = 50, 5
_MAX_MEASURING_S = 1.0
#: The ideal latency is measured early when the limit was the least for so many windows.
_MAX_LOWEST_WINDOWS = 5
#: Calls of a fast clock may take no time at all.
_MIN_LATENCY_S = 1e-6


@options
class AdaptiveOptions(LimiterOptions):
    """
    What the INI may say.
    """

    min_limit: int = option("3", "least limit, and the limit while the ideal latency is measured")
    max_limit: int = option("1000", "greatest limit")
    window: Seconds = option("100ms", "time after which the limit is adapted")
    latency_buffer: Share = option("25%", "latency above the ideal one that is normal")
    measure_interval: Seconds = option("60s", "time between measurements of the ideal latency")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what no limiter could be made of.
        """
        yield from super().problems()
        if self.min_limit < 1:
            yield "min_limit", f"must be at least 1, not {self.min_limit}"
        if self.max_limit < self.min_limit:
            yield "max_limit", f"must be at least min_limit, {self.min_limit}"
        for name in ("window", "measure_interval"):
            if getattr(self, name) <= 0:
                yield name, "must be more than 0s"


class Adaptive(Limiter):
    """
    Limits how many calls are in flight, by their latency.
    """

    Options: ClassVar[type] = AdaptiveOptions

    def limit(self) -> Limit:
        return GradientLimit(self.options, self.seconds, self.plugin_context.random)


class GradientLimit(Limit):
    """
    See the module.

    Args:
        options: of the limiter.
        seconds: what time it is.
        random: spreads the measurements of many servers.
    """

    def __init__(self, options: Any, seconds: Callable[[], float], random: RandomSource) -> None:
        super().__init__(options)
        self._seconds = seconds
        self._random = random
        self._calls = self._peak = 0
        self._samples: list[float] = []
        self._ideal_s = 0.0
        #: The limit outside of measurements.
        self._limit = float(options.min_limit)
        self._least_windows = 0
        self._measuring = True
        #: When the present window or measurement began; earlier calls say nothing in the latter.
        self._since = seconds()
        self._measure_at = 0.0
        #: When the first call of the present measurement ended: before, it may have been idle.
        self._measured_since = 0.0
        #: How many calls may be in flight now.
        self.max_calls: int = options.min_limit

    def use(self, options: Any) -> None:
        super().use(options)
        self._limit = min(float(options.max_limit), max(options.min_limit, self._limit))
        self._set_max_calls()

    def enter(self) -> float | None:
        if self._calls >= self.max_calls:
            return 0.0
        self._calls += 1
        self._peak = max(self._peak, self._calls)
        return None

    def left(self, began_at: float, status: Status) -> None:
        self._calls -= 1
        if status not in _SAMPLED or (self._measuring and began_at < self._since):
            return
        now = self._seconds()
        if len(self._samples) < _MAX_SAMPLES:
            self._samples.append(now - began_at)
        if self._measuring:
            self._measure(now)
        elif now - self._since >= self.options.window:
            self._adapt(now)

    def __str__(self) -> str:
        return f"{self._calls} of {self.max_calls} calls are in flight"

    @property
    def idle(self) -> bool:
        return not self._calls and self._seconds() >= self._measure_at

    def _measure(self, now: float) -> None:
        """
        End the measurement if there are enough samples.
        """
        count = len(self._samples)
        if count == 1:
            self._measured_since = now
        late = now - self._measured_since >= _MAX_MEASURING_S
        if count >= _IDEAL_SAMPLES or (late and count >= _FEW_SAMPLES):
            self._ideal_s = max(_MIN_LATENCY_S, median_low(self._samples))
            self._measuring = False
            self._measure_at = now + self.options.measure_interval * (1 + self._random.random() / 5)
            self._begin_window(now)

    def _adapt(self, now: float) -> None:
        """
        End a window.
        """
        options = self.options
        sampled_s = max(_MIN_LATENCY_S, median_low(self._samples))
        gradient = self._ideal_s * (1 + options.latency_buffer) / sampled_s
        scaled = self._limit * min(2.0, max(0.5, gradient))
        wanted = min(float(options.max_limit), max(options.min_limit, scaled + sqrt(scaled)))
        if wanted <= self._limit or self._peak * 2 >= self._limit:
            self._limit = wanted
        is_least = self._limit <= options.min_limit
        self._least_windows = self._least_windows + 1 if is_least else 0
        if now >= self._measure_at or self._least_windows >= _MAX_LOWEST_WINDOWS:
            self._measuring, self._least_windows = True, 0
        self._begin_window(now)

    def _set_max_calls(self) -> None:
        self.max_calls = self.options.min_limit if self._measuring else int(self._limit)

    def _begin_window(self, now: float) -> None:
        self._set_max_calls()
        self._samples = []
        self._peak = self._calls
        self._since = now
