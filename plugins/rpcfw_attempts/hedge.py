"""
Hedging: a call that is slow gets a second attempt on another node; the first answer wins.

Theory of operation. The next attempt begins after a fixed time, or after the time in which
most attempts of the method are answered: a percentile over a sliding window, in constant
memory. Which of them are slow is not known before, so a percentile of 95 makes 5 % more
attempts. What hedging may add is limited by a budget of its own: each call adds a share of a
token, and each hedge costs one. If all nodes become slow at once, the budget is spent, and
the nodes do not get more work than they had.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

from attrs import frozen

from rpcfw.errors import CallError
from rpcfw.spi.attempts.once import once
from rpcfw.spi.attempts.race import HedgingRule, race
from rpcfw.spi.attempts.repeats import delay_before_next, serves_repeat
from rpcfw.spi.attempts.retry_loop import MAX_UNSENT, retry_loop
from rpcfw.spi.attempts.side_by_side import why_one_by_one
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.status import Hint
from rpcfw.values.call import Call
from rpcfw.values.latency_window import LatencyWindow
from rpcfw.values.method import Method
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds, Share

__all__ = ["Hedge", "HedgeOptions"]

#: The window is exact to 9 %. If most calls take equally long, no hedge may begin before.
_ROUND_UP = 1.1
#: Methods that have a window of their own: clients make these objects, and few.
_MAX_METHODS = 1000


@options
class HedgeOptions:
    """
    The options of `[attempts] plugin = hedge`.
    """

    delay: Seconds | None = option(
        "",
        "time after which the next attempt begins; percentile, window and min_calls are then not "
        "used; empty: see percentile",
    )
    percentile: float = option(
        "95", "the next attempt begins when this share of the calls (%) would be answered"
    )
    window: Seconds = option("30s", "latencies that are older are forgotten")
    min_calls: int = option("20", "calls in the window without which there is no hedge")
    min_delay: Seconds = option("1ms", "shortest time after which the next attempt begins")
    max_attempts: int = option("2", "attempts of a call side by side, with the first")
    max_extra_load: Share = option("10%", "attempts that hedging may add, of the calls")
    max_burst: int = option("10", "hedges that may begin at once, if there were none for long")
    any_method: bool = option("no", "hedge methods that are not idempotent, too")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if not 0 < self.percentile < 100:
            yield "percentile", f"must be above 0 and below 100, not {self.percentile:g}"
        if self.window <= 0:
            yield "window", "must be above 0s"
        if self.max_attempts < 2:
            yield "max_attempts", f"must be at least 2, not {self.max_attempts}"
        yield from below_minimum(self, {"min_calls": 1, "max_burst": 1})


class Hedge(AttemptStrategy):
    """
    Hedges unary calls of idempotent methods; all other calls are made as by failover.

    An attempt that fails is followed by another one if the retry policy says so.
    """

    Options: ClassVar[type] = HedgeOptions
    options: HedgeOptions

    def __init__(self, options: HedgeOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._state = _State({}, _Budget(options.max_burst))
        self._hedged = plugin_context.meter.counter(
            "rpcfw_client_hedges_total", "attempts that began because others were slow"
        ).of()
        self._refused = plugin_context.meter.counter(
            "rpcfw_client_hedges_refused_total", "hedges not made because the budget was spent"
        ).of()

    def take_over(self, before: Hedge) -> None:
        """
        Go on with the latencies that were measured and the budget that is left.
        """
        self._state = before._state

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        any_method = self.options.any_method
        plain = retry_loop(attempt, policy, self.plugin_context)
        counted = once(attempt)

        def step(call: Call) -> Any:
            if why_one_by_one(call.method, any_method=any_method):
                return plain(call)
            return self._run(call, counted, policy)

        return step

    def explain(self, call: Call) -> str:
        options, now = self.options, self.plugin_context.clock.seconds()
        why = why_one_by_one(call.method, any_method=options.any_method)
        if why:
            return f"as failover: {why}"
        side_by_side = f"up to {options.max_attempts} attempts side by side"
        window = self._state.windows.get(call.method) or LatencyWindow(now)
        delay_s = self._delay_s(window, now)
        if delay_s < math.inf:
            return f"{side_by_side}, the next after {delay_s:.3g} s"
        count = f"{window.count} of {options.min_calls}"
        return f"{side_by_side}, once enough calls were measured: {count}"

    async def _run(self, call: Call, attempt: CallStep, policy: RetryPolicy) -> Any:
        clock = self.plugin_context.clock
        self._state.budget.add(self.options.max_extra_load, self.options.max_burst)
        began = clock.seconds()
        window = self._window(call.method, began)
        rule = _Rule(self, policy, self._delay_s(window, began))
        response = await race(call, attempt, rule, clock)
        # Also if a hedge has won: then the first attempt would have taken this long or longer.
        now = clock.seconds()
        window.add(now - began, now, self.options.window)
        policy.succeeded(call)
        return response

    def _window(self, method: Method, now: float) -> LatencyWindow:
        windows = self._state.windows
        window = windows.get(method)
        if window is None:
            if len(windows) >= _MAX_METHODS:
                windows.clear()
            window = windows[method] = LatencyWindow(now)
        return window

    def _delay_s(self, window: LatencyWindow, now: float) -> float:
        options = self.options
        if options.delay is not None:
            return options.delay
        window.forget(now, options.window)
        if window.count < options.min_calls:
            return math.inf
        percentile_s = window.percentile_s(options.percentile / 100) * _ROUND_UP
        return max(options.min_delay, percentile_s)

    def may_hedge(self) -> bool:
        """
        Tell whether the budget allows one more attempt, and take it from there.
        """
        if serves_repeat():
            return False
        if not self._state.budget.take():
            self._refused.value += 1
            return False
        self._hedged.value += 1
        return True


@frozen(eq=False)
class _State:
    """
    What outlasts a change of options.
    """

    windows: dict[Method, LatencyWindow]
    budget: _Budget


class _Budget:
    """
    Tokens: calls bring shares of them, and each hedge costs one.
    """

    def __init__(self, tokens: float) -> None:
        self._tokens = tokens

    def add(self, share: float, most: float) -> None:
        self._tokens = min(most, self._tokens + share)

    def take(self) -> bool:
        # Ten times a tenth is a bit less than one.
        if self._tokens < 1 - 1e-9:
            return False
        self._tokens -= 1
        return True


class _Rule(HedgingRule):
    """
    The rule for one call.
    """

    def __init__(self, hedge: Hedge, policy: RetryPolicy, delay_s: float) -> None:
        self.max_attempts = hedge.options.max_attempts
        self.delay_s = delay_s
        self._hedge = hedge
        self._policy = policy
        #: As in `retry_loop`.
        self._tried = self._unsent = 0

    def may_hedge(self) -> bool:
        return self._hedge.may_hedge()

    def after(self, call: Call, error: CallError, begun: int) -> float | None:
        tried, self._tried = self._tried, len(call.tried)
        if error.hints & Hint.NEVER_SENT and self._unsent < MAX_UNSENT and self._tried > tried:
            self._unsent += 1
        # The policy limits the attempts of all copies together.
        call.attempt = begun - self._unsent
        now = self._hedge.plugin_context.clock.seconds()
        delay_s = delay_before_next(call, error, self._policy, now)
        if delay_s is None and not Outcome(error.status, 0.0, error.hints).node_failed:
            raise error  # of the method: other nodes would come to the same
        return delay_s
