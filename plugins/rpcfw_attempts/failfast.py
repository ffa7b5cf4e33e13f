"""
Failfast: one attempt, and its failure is the caller's.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call

__all__ = ["Failfast"]


class Failfast(AttemptStrategy):
    """
    Makes one attempt, whatever the retry policy would say.
    """

    def explain(self, call: Call) -> str:
        return "one attempt, whatever the retry policy says"

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        succeeded = policy.succeeded

        async def step(call: Call) -> Any:
            call.attempt += 1
            response = await attempt(call)
            # Other methods of this client may be retried out of the same budget.
            succeeded(call)
            return response

        return step
