"""
Broadcast: each call goes to every node that the routers leave.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from rpcfw.errors import CallError, error_from_status
from rpcfw.spi.attempts.once import once
from rpcfw.spi.attempts.parallel import ParallelAttempt, ParallelAttempts
from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call
from rpcfw.values.units import Share, part_of

__all__ = ["Broadcast", "BroadcastOptions"]


@options
class BroadcastOptions:
    """
    The options of `[attempts] plugin = broadcast`.
    """

    max_failures: Share = option("0%", "share of the nodes that may fail without a failure")
    max_parallel: int = option("100", "maximum number of nodes that are called at a time")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if self.max_parallel < 1:
            yield "max_parallel", f"must be at least 1, not {self.max_parallel}"


class Broadcast(AttemptStrategy):
    """
    Sends unary and one-way calls to all nodes, once to each; the first answer is the caller's.

    A call that streams in either direction is made as by failover. There are no retries.
    """

    Options: ClassVar[type] = BroadcastOptions
    options: BroadcastOptions

    def explain(self, call: Call) -> str:
        if not call.method.unary:
            return "as failover: it streams"
        return "one attempt on each node; the first answer is the caller's"

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        plain = retry_loop(attempt, policy, self.plugin_context)
        counted = once(attempt)

        async def to_all(call: Call) -> Any:
            with ParallelAttempts(call, counted, to_all=True) as attempts:
                run = _Broadcast(attempts, self.options, self.plugin_context)
                response = await run.response()
            policy.succeeded(call)
            return response

        def step(call: Call) -> Any:
            return to_all(call) if call.method.unary else plain(call)

        return step


class _Broadcast:
    """
    One call to all nodes.
    """

    def __init__(
        self, attempts: ParallelAttempts, options: BroadcastOptions, plugin_context: PluginContext
    ) -> None:
        self._attempts = attempts
        self._options = options
        self._clock = plugin_context.clock
        self._first: ParallelAttempt | None = None
        self._answered = 0
        self._failures: list[tuple[str, CallError]] = []
        #: Why an attempt got no node, once one of them has got none.
        self._exhausted: CallError | None = None

    async def response(self) -> Any:
        """
        Return the first response, when all nodes have answered or failed.

        Raises:
            CallError: too many have failed.
        """
        attempts = self._attempts
        while True:
            while self._exhausted is None and (
                len(attempts.under_way) < self._options.max_parallel
            ):
                attempts.begin()
                self._take_ended()
            if not attempts.under_way:
                return self._result()
            await attempts.wait_until(self._clock)
            self._take_ended()

    def _take_ended(self) -> None:
        while (ended := self._attempts.take_ended()) is not None:
            error = ended.error
            if error is None:
                self._answered += 1
                self._first = self._first or ended
            elif ended.call.peer:
                self._failures.append((ended.call.peer, error))
            else:
                self._exhausted = self._exhausted or error

    def _result(self) -> Any:
        failures = self._failures
        if self._first is not None:
            total = self._answered + len(failures)
            if len(failures) <= part_of(self._options.max_failures, total):
                return self._attempts.response_of(self._first)
        if not failures:
            raise self._exhausted or CallError("no attempt was made")
        peer, error = failures[0]
        raise error_from_status(
            error.status,
            f"{len(failures)} of {self._answered + len(failures)} nodes failed; "
            f"the first was {peer}: {error.message}",
        ) from error
