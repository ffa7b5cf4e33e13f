"""
Hedging as the service config asks for it, by method.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.attempts.race import HedgingRule, race
from rpcfw.spi.attempts.repeats import serves_repeat
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.status import Hint
from rpcfw.values.backoff import Backoff
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.service_config import Hedging, ServiceConfig

__all__ = ["Hedge"]

#: When the next attempt follows one that a server refused to begin.
_AFTER_REFUSAL = Backoff(initial_s=0.01, factor=2, max_s=1.0)


class Hedge(Filter):
    """
    Hedges the calls of the methods for which the service config says so.

    Calls that stream in either direction are not hedged.

    Args:
        config: says it.
        budget: the tokens of all calls; without enough there are no further attempts.
        plugin_context: for time.
        each: makes each attempt of a call that is hedged.
        others: makes the attempts of a call that is not.
    """

    def __init__(
        self,
        config: ServiceConfig,
        budget: Budget,
        plugin_context: PluginContext,
        each: Filter,
        others: Filter,
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._config = config
        self._budget = budget
        self._each = each
        self._others = others

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        config, budget = self._config, self._budget
        clock, random = self.plugin_context.clock, self.plugin_context.random
        each, others = self._each.bind(proceed), self._others.bind(proceed)

        def step(call: Call) -> Any:
            method = call.method
            rule = config.of(method.service, method.name).hedging
            if rule is None or not method.unary or method.one_way:
                return others(call)
            return race(call, each, _ConfiguredRule(rule, budget, random), clock)

        return step


class _ConfiguredRule(HedgingRule):
    """
    The rule of gRPC's hedging policy (proposal A6).
    """

    def __init__(self, rule: Hedging, budget: Budget, random: RandomSource) -> None:
        self.max_attempts = rule.max_attempts
        self.delay_s = rule.delay_s
        self._non_fatal = rule.non_fatal
        self._budget = budget
        self._random = random

    def may_hedge(self) -> bool:
        return self._budget.allows and not serves_repeat()

    def after(self, call: Call, error: CallError, begun: int) -> float | None:
        pushback_s = error.retry_after_s
        final = bool(error.hints & Hint.FINAL) or (pushback_s is not None and pushback_s < 0)
        unsent = error.hints & Hint.NEVER_SENT
        refused = error.hints & Hint.NOT_BEGUN and not unsent
        if not (unsent or refused) and error.status not in self._non_fatal:
            raise error
        if final or not unsent:
            self._budget.spend()
        if final or begun >= self.max_attempts or not self._budget.allows:
            return None
        if not unsent and serves_repeat():
            return None
        if refused and pushback_s is None:
            # A server that has too much to do is not asked again at once.
            return _AFTER_REFUSAL.delay_s(begun, self._random.random())
        return pushback_s or 0.0
