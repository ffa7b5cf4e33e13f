"""
Retry by hints: retries what is safe to repeat, and what the options name.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import ClassVar

from rpcfw.errors import CallError, ConnectionLost, SetupError
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.status_names import status_problem
from rpcfw.status import Hint, Status
from rpcfw.values.backoff import Backoff
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.units import Seconds, Share

__all__ = ["ByHints"]

#: The status of a server that refuses a call because it has too much to do.
_OVERLOAD = Status.RESOURCE_EXHAUSTED
#: So many first refusals are free without a success. Servers that stop refuse no more calls than
#: were on their way. Servers that refuse all calls for another reason must not get each twice.
_MAX_FREE_REFUSALS = 10_000


@options
class ByHintsOptions:
    """
    The options of `[retry]`.

    With the default budget, a few hundred calls that were lost with one connection can be
    retried at once. If a backend stays down, the retries still end.
    """

    max_attempts: int = option("3", "maximum number of attempts of one call, with the first")
    statuses: tuple[str, ...] = option(
        "UNAVAILABLE", "retry calls of idempotent methods that fail with one of these statuses"
    )
    always_statuses: tuple[str, ...] = option(
        "", "retry calls of ALL methods that fail with one of these, even if they were begun"
    )
    always_errors: tuple[str, ...] = option(
        "",
        "the same for classes of errors that filters of yours raise, as module:Class",
        loads_code=True,
    )
    initial_backoff: Seconds = option("10ms", "delay before the first retry", was="backoff_initial")
    backoff_multiplier: float = option("2", "factor of each further delay", was="backoff_factor")
    max_backoff: Seconds = option("1s", "longest delay", was="backoff_most")
    backoff_jitter: Share = option("20%", "random part of the delay, added or subtracted")
    budget_tokens: float = option(
        "1000", "retry budget: a retriable failure costs 1; no retries below half; 0: no limit"
    )
    budget_ratio: float = option("0.1", "tokens that a successful call returns")
    budget_overload_cost: float = option(
        "5", "tokens that a call costs if an overloaded server refuses it (RESOURCE_EXHAUSTED)"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if self.max_attempts < 1:
            yield "max_attempts", f"must be at least 1, not {self.max_attempts}"
        if self.backoff_multiplier < 1:
            yield "backoff_multiplier", f"must be at least 1, not {self.backoff_multiplier:g}"
        for name in ("budget_tokens", "budget_ratio", "budget_overload_cost"):
            if getattr(self, name) < 0:
                yield name, f"must be at least 0, not {getattr(self, name):g}"
        for name in ("statuses", "always_statuses"):
            for problem in filter(None, map(status_problem, getattr(self, name))):
                yield name, problem


class ByHints(RetryPolicy):
    """
    The default: retries what is safe to repeat, by hints, status and idempotent methods.

    ===============================================  ================================
    the failed attempt                               the next attempt
    ===============================================  ================================
    was never sent                                   at once, later after a backoff;
                                                     costs no token
    an overloaded peer refused it before it began    after a backoff, for several tokens
    the peer refused it before it began              after a backoff; from the second
                                                     such repeat on, for a token
    the peer says it is safe to repeat               after a backoff, for a token
    idempotent method, status in ``statuses``        after a backoff, for a token; the calls
                                                     that are lost with one connection cost
                                                     one token together
    status in ``always_statuses``, or error in       after a backoff, for a token
    ``always_errors``
    anything else                                    none
    ===============================================  ================================

    An attempt that was never sent has cost no server anything, so it costs no token. A server
    that drains refuses the calls that it has not begun, and hundreds of calls may be on their way
    to it. So the first refusal of a call costs no token, as in gRPC's transparent retries (A6).
    That is limited, too: after 10,000 such refusals with few successes in between they cost
    tokens. A refusal is work, so the call is retried after a backoff. If the server says that it
    is overloaded, a retry costs several tokens.

    A node that is lost has as many open calls as it had time to collect, thousands perhaps. That
    is one event. So it costs one token, and what bounds its repeats is the number of calls that
    were open. But that is for the first attempt of each call: one that is lost again costs a
    token. A server that closes the connection at each call has one call on each.

    The hint FINAL, or a negative pushback, forbids a retry. Another pushback replaces the
    backoff.
    """

    Options: ClassVar[type] = ByHintsOptions

    def __init__(self, options: ByHintsOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._max_attempts = options.max_attempts
        self._statuses = _statuses(options.statuses)
        self._always = _statuses(options.always_statuses)
        self._always_errors = tuple(map(_error_class, options.always_errors or ()))
        self._backoff = Backoff(
            initial_s=options.initial_backoff,
            factor=options.backoff_multiplier,
            max_s=options.max_backoff,
            jitter=options.backoff_jitter,
        )
        self._budget = Budget(options.budget_tokens, options.budget_ratio)
        self._overload_cost = options.budget_overload_cost
        self._free_refusals = _MAX_FREE_REFUSALS
        self._refused = plugin_context.meter.counter(
            "rpcfw_client_retries_refused_total", "repeats not made because the budget was spent"
        ).of()

    def take_over(self, before: ByHints) -> None:
        """
        Continue with the share of the budget that is left: a spent budget is not refilled.
        """
        self._budget.take_over(before._budget)
        self._free_refusals = before._free_refusals

    def delay_s(self, call: Call, error: CallError) -> float | None:
        pushback_s = error.retry_after_s
        final = bool(error.hints & Hint.FINAL) or (pushback_s is not None and pushback_s < 0)
        unsent = bool(error.hints & Hint.NEVER_SENT)
        if not unsent and not self._is_free_refusal(call, error):
            if not self._may_repeat(call, error):
                return None
            if not self._budget.spend(self._cost(call, error)):
                self._refused.value += 1
                return None
        if final or call.attempt >= self._max_attempts:
            return None
        if pushback_s is not None:
            return pushback_s
        if unsent and call.attempt <= 1:
            return 0.0
        failures = call.attempt - 1 if unsent else call.attempt
        return self._backoff.delay_s(failures, self.plugin_context.random.random())

    def explain(self, call: Call) -> str:
        statuses = self._always | (self._statuses if call.method.idempotent else frozenset())
        named = ", ".join(sorted(each.name for each in statuses))
        kind = "idempotent" if call.method.idempotent else "not idempotent"
        often = f"up to {self._max_attempts} attempts"
        return f"{kind}: {often}, if it was not begun{f' or failed with {named}' * bool(named)}"

    def succeeded(self, call: Call) -> None:
        if not self._budget.full:
            self._budget.refill()
        if self._free_refusals < _MAX_FREE_REFUSALS:
            self._free_refusals += 1

    def _may_repeat(self, call: Call, error: CallError) -> bool:
        """
        Return whether an attempt that was sent may be repeated.
        """
        if error.hints & (Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT) or error.status in self._always:
            return True
        if isinstance(error, self._always_errors):
            return True
        return call.method.idempotent and error.status in self._statuses

    def _is_free_refusal(self, call: Call, error: CallError) -> bool:
        """
        Return whether the call was refused for the first time, and not for overload.
        """
        if not error.hints & Hint.NOT_BEGUN or call.attempt > 1 or error.status is _OVERLOAD:
            return False
        if self._free_refusals <= 0:
            return False
        self._free_refusals -= 1
        return True

    def _cost(self, call: Call, error: CallError) -> float:
        """
        Return how many tokens a failure costs.
        """
        if isinstance(error, ConnectionLost) and error.further and call.attempt <= 1:
            return 0.0
        if error.hints & Hint.NOT_BEGUN and error.status is _OVERLOAD:
            return self._overload_cost
        return 1.0


def _statuses(names: tuple[str, ...]) -> frozenset[Status]:
    """
    Return the statuses that users named.
    """
    return frozenset(Status[name] for name in names)


def _error_class(target: str) -> type[CallError]:
    """
    Return a class of errors that users named.

    Raises:
        SetupError: there is none.
    """
    module, _, name = target.partition(":")
    try:
        found = getattr(import_module(module), name)
    except Exception as error:
        # A module of somebody's may raise anything.
        why = f"{type(error).__name__}: {error}"
        raise SetupError(f"always_errors: {target!r} cannot be imported: {why}") from error
    if not isinstance(found, type) or not issubclass(found, CallError):
        raise SetupError(f"always_errors: {target!r} is no subclass of rpcfw.CallError")
    return found
