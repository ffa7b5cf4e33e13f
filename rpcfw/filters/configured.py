"""
What a service config asks for, in terms of the filters that are there anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.filters.attempts import Attempts
from rpcfw.filters.hedge import Hedge
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint, Status
from rpcfw.values.backoff import Backoff
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.service_config import ServiceConfig

__all__ = ["AttemptFilters", "ConfiguredRetry", "WaitForReady", "once_ready"]

_HARMLESS = Hint.NEVER_SENT | Hint.NOT_BEGUN
#: How often the call is tried again until a server is ready.
_TRIES = Backoff(initial_s=0.02, factor=2, max_s=0.25)


class AttemptFilters:
    """
    Makes the filters that make attempts.

    Args:
        config: the service config, if there is one.
        plugin_context: of the process.
    """

    def __init__(self, config: ServiceConfig | None, plugin_context: PluginContext) -> None:
        self._config = config
        self._plugin_context = plugin_context
        throttling = None if config is None else config.throttling
        # One for all that are made: a retry policy that is replaced wins no tokens back.
        self._budget = Budget(0, 0)
        if throttling is not None:
            self._budget = Budget(throttling.max_tokens, throttling.token_ratio)

    def around(
        self,
        policy: RetryPolicy,
        strategy: AttemptStrategy | None = None,
        by_method: Mapping[str, AttemptStrategy] = MappingProxyType({}),
    ) -> list[tuple[str, Filter]]:
        """
        Return them, outermost first, each with its label.

        Args:
            policy: the user's own.
            strategy: likewise; None for the retry loop.
            by_method: those of the methods of these names instead.
        """
        config, plugin_context = self._config, self._plugin_context
        if config is None:
            return [("attempts", Attempts(strategy, by_method, policy, plugin_context))]
        retry = ConfiguredRetry(config, policy, self._budget, plugin_context)
        # A method that the file hedges has no other strategy; each of its attempts is repeated
        # only if it was not begun.
        each = Attempts(None, {}, retry, plugin_context)
        others = Attempts(strategy, by_method, retry, plugin_context)
        return [
            ("attempts", Hedge(config, self._budget, plugin_context, each, others)),
            ("wait for ready", WaitForReady(config, plugin_context)),
        ]


class ConfiguredRetry(RetryPolicy):
    """
    Decides by the service config for the methods that it says something of.

    =================================================  ===============================
    the method has, and the last attempt               the next
    =================================================  ===============================
    no policy in the service config                    as the user's own policy says
    any policy; surely not begun                       likewise
    a retry policy; one of its statuses                after its backoff, for a token
    anything else                                      none
    =================================================  ===============================

    Args:
        config: says it.
        policy: the user's own.
        budget: the tokens of all calls.
    """

    def __init__(
        self,
        config: ServiceConfig,
        policy: RetryPolicy,
        budget: Budget,
        plugin_context: PluginContext,
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._config = config
        self._policy = policy
        self._budget = budget

    def delay_s(self, call: Call, error: CallError) -> float | None:
        config = self._config.of(call.method.service, call.method.name)
        rule = config.retrying
        if (rule is None and config.hedging is None) or error.hints & _HARMLESS:
            delay_s = self._policy.delay_s(call, error)
            if delay_s is not None:
                return delay_s
        if rule is None or error.status not in rule.statuses:
            return None
        pushback_s = error.retry_after_s
        final = bool(error.hints & Hint.FINAL) or (pushback_s is not None and pushback_s < 0)
        if not self._budget.spend() or final or call.attempt >= rule.max_attempts:
            return None
        if pushback_s is not None:
            return pushback_s
        return rule.backoff.delay_s(call.attempt, self.plugin_context.random.random())

    def succeeded(self, call: Call) -> None:
        self._budget.refill()
        self._policy.succeeded(call)


class WaitForReady(Filter):
    """
    Has calls of some methods wait, as long as they have time, for a server that is ready.

    It stands within the attempts: what was never sent was no attempt.

    Args:
        config: says of which methods.
        plugin_context: for time and randomness.
    """

    def __init__(self, config: ServiceConfig, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._config = config

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        if not self._config.of(call.method.service, call.method.name).wait_for_ready:
            return await proceed(call)
        return await once_ready(self.plugin_context, proceed, call)


async def once_ready(plugin_context: PluginContext, proceed: CallStep, call: Call) -> Any:
    """
    Proceed with a call, again and again until a server is ready or its time is over.
    """
    clock, random = plugin_context.clock, plugin_context.random
    failures = 0
    while True:
        try:
            return await proceed(call)
        except CallError as error:
            if error.status is not Status.UNAVAILABLE or not error.hints & Hint.NEVER_SENT:
                raise
            if clock.seconds() >= call.deadline:
                raise DeadlineExceeded(
                    f"no server was ready in time; the last try: {error}"
                ) from error
        failures += 1
        delay_s = _TRIES.delay_s(failures, random.random())
        await sleep(clock, min(delay_s, max(0.0, call.deadline - clock.seconds())))
