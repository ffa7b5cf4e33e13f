"""
Failsafe: a failure is logged and counted, and the caller gets an empty answer.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.spi.attempts.empty_answer import empty_answer
from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.values.call import Call

__all__ = ["Failsafe"]


class Failsafe(AttemptStrategy):
    """
    Makes attempts as failover does, and hides the failure of a unary or one-way call.

    A call that streams in either direction fails as any other.
    """

    log = Logger()

    def __init__(self, options: NoOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._log = LimitedLog(self.log, plugin_context.clock.seconds, burst=1)
        self._hidden = plugin_context.meter.counter(
            "rpcfw_client_failures_hidden_total",
            "calls that failed and were answered as if they had not",
            "service",
            "method",
        )

    def explain(self, call: Call) -> str:
        return (
            "as failover; a failure is hidden" if call.method.unary else "as failover: it streams"
        )

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        plain = retry_loop(attempt, policy, self.plugin_context)
        seconds = self.plugin_context.clock.seconds

        async def safe(call: Call) -> Any:
            try:
                return await plain(call)
            except CallError as error:
                self._count(call, error)
            except CANCELLED:
                if seconds() < call.deadline:
                    raise
                self._count(call, DeadlineExceeded("there was no answer in time"))
            return empty_answer(call.method)

        def step(call: Call) -> Any:
            return safe(call) if call.method.unary else plain(call)

        return step

    def _count(self, call: Call, error: CallError) -> None:
        method = call.method
        self._hidden.of(method.service, method.name).value += 1
        self._log.warn_of(
            method.path,
            "a failure of {method} at {peer} is hidden from its caller: {error}",
            method=method.path,
            peer=call.peer or "no node",
            error=error,
            trace_id=call.trace_id,
        )
