"""
Forking: each call goes to several nodes at once; the first answer wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rpcfw.errors import CallError, NoNodeLeft
from rpcfw.spi.attempts.once import once
from rpcfw.spi.attempts.parallel import ParallelAttempts
from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.attempts.side_by_side import why_one_by_one
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import option, options
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome

__all__ = ["Forking", "ForkingOptions"]


@options
class ForkingOptions:
    """
    The options of `[attempts] plugin = forking`.
    """

    forks: int = option("2", "number of nodes that get each call")
    any_method: bool = option("no", "fork calls of methods that are not idempotent, too")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if self.forks < 2:
            yield "forks", f"must be at least 2, not {self.forks}"


class Forking(AttemptStrategy):
    """
    Forks unary calls of idempotent methods; all other calls are made as by failover.

    If fewer nodes are known, fewer get the call. There are no retries.
    """

    Options: ClassVar[type] = ForkingOptions
    options: ForkingOptions

    def explain(self, call: Call) -> str:
        why = why_one_by_one(call.method, any_method=self.options.any_method)
        if why:
            return f"as failover: {why}"
        return (
            f"one attempt on each of {self.options.forks} nodes; the first answer is the caller's"
        )

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        any_method = self.options.any_method
        plain = retry_loop(attempt, policy, self.plugin_context)
        counted = once(attempt)

        async def forked(call: Call) -> Any:
            with ParallelAttempts(call, counted, once_per_node=True) as attempts:
                response = await self._first(attempts)
            policy.succeeded(call)
            return response

        def step(call: Call) -> Any:
            one_by_one = why_one_by_one(call.method, any_method=any_method)
            return plain(call) if one_by_one else forked(call)

        return step

    async def _first(self, attempts: ParallelAttempts) -> Any:
        """
        Return the first response.

        Raises:
            CallError: of the method, or of the node that failed last.
        """
        for _ in range(self.options.forks):
            attempts.begin()
            if isinstance(attempts.begun[-1].error, NoNodeLeft):
                break  # there are fewer nodes
        last = CallError("no attempt was made")
        while True:
            ended = attempts.take_ended()
            if ended is None:
                if not attempts.under_way:
                    raise last
                await attempts.wait_until(self.plugin_context.clock)
            elif ended.error is None:
                return attempts.response_of(ended)
            elif not Outcome(ended.error.status, 0.0, ended.error.hints).node_failed:
                raise ended.error  # of the method: other nodes would come to the same
            elif not isinstance(ended.error, NoNodeLeft):
                last = ended.error
