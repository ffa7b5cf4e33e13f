"""
The place where the attempts of a call are made, by the strategy of its method.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.deadline_keeping import keep_deadline, keeps_deadline
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call

__all__ = ["Attempts"]


class Attempts(Filter):
    """
    Hands each call to an attempt strategy.

    Args:
        strategy: of all calls; None for the retry loop.
        by_method: those of the methods of these names instead.
        policy: decides whether another attempt may follow.
        plugin_context: for the clock that delays are on.
    """

    def __init__(
        self,
        strategy: AttemptStrategy | None,
        by_method: Mapping[str, AttemptStrategy],
        policy: RetryPolicy,
        plugin_context: PluginContext,
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._strategy = strategy
        self._by_method = by_method
        self._policy = policy

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        policy = self._policy
        if self._strategy is None:
            plain = retry_loop(proceed, policy, self.plugin_context)
        else:
            plain = self._strategy.bind(proceed, policy)
        if not self._by_method:
            return plain
        steps = {name: each.bind(proceed, policy) for name, each in self._by_method.items()}

        def step(call: Call) -> Any:
            return steps.get(call.method.name, plain)(call)

        return keep_deadline(step) if all(map(keeps_deadline, (plain, *steps.values()))) else step
