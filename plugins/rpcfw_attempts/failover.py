"""
Failover: one attempt after another, each on another node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rpcfw.spi.attempts.retry_loop import MAX_UNSENT, retry_loop
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import option, options
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call

__all__ = ["Failover", "FailoverOptions"]


@options
class FailoverOptions:
    """
    The options of `[attempts] plugin = failover`.
    """

    max_unsent: int = option(
        str(MAX_UNSENT), "attempts of a call that were never sent and do not count as attempts"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if self.max_unsent < 0:
            yield "max_unsent", f"must be at least 0, not {self.max_unsent}"


class Failover(AttemptStrategy):
    """
    The default: makes attempts as long as the retry policy and the deadline allow it.
    """

    Options: ClassVar[type] = FailoverOptions

    def explain(self, call: Call) -> str:
        return "one attempt after another, each on another node"

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        return retry_loop(attempt, policy, self.plugin_context, self.options.max_unsent)
