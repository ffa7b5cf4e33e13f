"""
Failback: the caller gets an empty answer at once, and the call is retried in the background.

Theory of operation. A call is made as by failover. If it fails, it waits in a queue, and is
made again after each ``period``, up to ``max_retries`` times. The queue is limited in three
ways: the number of calls, their age, and their memory. What does not fit, or is not repeated
with success in time, is given up: it is logged and counted. The queue is in memory only: when
the process stops, what still waits is given up.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, ClassVar

from attrs import define
from twisted.logger import Logger

from rpcfw.errors import CallError, DeadlineExceeded
from rpcfw.spi.attempts.empty_answer import empty_answer
from rpcfw.spi.attempts.repeats import count_previous, serves_repeat
from rpcfw.spi.attempts.retry_loop import retry_loop
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.filter import CallStep
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED, with_deadline
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Bytes, Seconds
from rpcfw_attempts.message_size import message_size

__all__ = ["Failback", "FailbackOptions"]

_HARMLESS = Hint.NEVER_SENT | Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT


@options
class FailbackOptions:
    """
    The options of `[attempts] plugin = failback`.
    """

    period: Seconds = option("5s", "time between two retries in the background")
    max_retries: int = option("3", "retries in the background of one call")
    max_age: Seconds = option("60s", "a call that failed longer ago is not retried any more")
    max_waiting: int = option("100", "maximum number of calls that wait for a retry")
    max_bytes: Bytes = option("1MiB", "memory of their messages and metadata, about")
    any_method: bool = option("no", "retry methods that are not idempotent, even if they began")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Yield each wrong option, with the reason.
        """
        if self.period <= 0:
            yield "period", "must be above 0s"
        yield from below_minimum(self, {"max_retries": 1, "max_waiting": 1})
        if self.max_age < self.period:
            yield "max_age", "must be at least as long as period: else nothing would be retried"


@define(eq=False)
class _Waiting:
    """
    A call that waits for its next retry, or is retried now.

    Args:
        call: a copy of the call that has failed, to make each retry from.
        step: makes the attempts of a copy.
        failed_at: when it failed first.
        limit_s: the time limit of each retry.
        size: of its message and metadata.
        timer: until its next retry.
        running: the retry.
    """

    call: Call
    step: CallStep
    failed_at: float
    limit_s: float
    size: int
    retries: int = 0
    timer: Any = None
    running: Any = None


class _Load:
    """
    What waits, in an instance and in those that it has replaced.
    """

    __slots__ = ("bytes", "calls")

    def __init__(self) -> None:
        self.calls = self.bytes = 0


class Failback(AttemptStrategy):
    """
    Repeats unary and one-way calls later. One that streams in either direction just fails.

    Only calls of idempotent methods are repeated, and those that surely were not begun. An error
    that the method itself raised is not repeated: it would come again.
    """

    Options: ClassVar[type] = FailbackOptions
    options: FailbackOptions
    log = Logger()

    def __init__(self, options: FailbackOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._waiting: dict[_Waiting, None] = {}
        self._load = _Load()
        self._stopped = False
        self._log = LimitedLog(self.log, plugin_context.clock.seconds, burst=1)
        names = "service", "method"
        meter = plugin_context.meter
        self._gauge = meter.gauge(
            "rpcfw_client_failback_waiting", "failed calls that wait for a retry"
        ).of()
        self._recovered = meter.counter(
            "rpcfw_client_failback_recovered_total", "retries that succeeded", *names
        )
        self._given_up = meter.counter(
            "rpcfw_client_failback_given_up_total", "failed calls that are not retried", *names
        )

    def take_over(self, before: Failback) -> None:
        """
        Count what still waits in the instance that is replaced: it is retried from there.
        """
        self._load = before._load

    def explain(self, call: Call) -> str:
        if not call.method.unary:
            return "as failover: it streams"
        often = f"up to {self.options.max_retries} retries in the background"
        return f"as failover; a failure is hidden, and followed by {often}"

    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        plain = retry_loop(attempt, policy, self.plugin_context)
        seconds = self.plugin_context.clock.seconds

        async def safe(call: Call) -> Any:
            limit_s = call.deadline - seconds()
            try:
                return await plain(call)
            except CallError as error:
                self._failed(call, plain, limit_s, error)
            except CANCELLED:
                if seconds() < call.deadline:
                    raise
                late = DeadlineExceeded("there was no answer in time")
                self._failed(call, plain, limit_s, late)
            return empty_answer(call.method)

        def step(call: Call) -> Any:
            return safe(call) if call.method.unary else plain(call)

        return step

    async def stop(self) -> None:
        """
        Give up what still waits.
        """
        self._stopped = True
        for waiting in tuple(self._waiting):
            if waiting.timer is not None and waiting.timer.active():
                waiting.timer.cancel()
            self._give_up(waiting, "this client stops")
            if waiting.running is not None:
                waiting.running.cancel()

    def _failed(self, call: Call, step: CallStep, limit_s: float, error: CallError) -> None:
        """
        Take a call into the queue, or give it up.
        """
        options, load = self.options, self._load
        size = message_size((call.request, call.metadata.pairs), options.max_bytes)
        reason = self._why_not(call.method.idempotent, error) or self._why_full(size)
        if serves_repeat() and not error.hints & Hint.NEVER_SENT:
            reason = "it serves a call that is retried itself"
        if reason:
            self._count_given_up(call, f"{reason}; it failed with {error}")
            return
        now = self.plugin_context.clock.seconds()
        waiting = _Waiting(_copied(call), step, now, min(limit_s, options.max_age), size)
        self._waiting[waiting] = None
        load.calls += 1
        load.bytes += size
        self._gauge.value += 1
        self._schedule(waiting)

    def _why_not(self, idempotent: bool, error: CallError) -> str:
        if self._stopped:
            return "this client stops"
        if error.hints & Hint.FINAL:
            return "the server asked for no retry"
        if error.status is Status.CANCELLED:
            return "it was cancelled"
        if not error.hints & _HARMLESS and not Outcome(error.status, 0.0, error.hints).node_failed:
            return "it is an answer of the method"
        if not error.hints & _HARMLESS and not (idempotent or self.options.any_method):
            return "it may have begun, and is not idempotent"
        return ""

    def _why_full(self, size: int) -> str:
        options, load = self.options, self._load
        if load.calls >= options.max_waiting:
            return f"{load.calls} calls wait for a retry; see max_waiting"
        if load.bytes + size > options.max_bytes:
            return f"calls of {load.bytes} bytes wait for a retry; see max_bytes"
        return ""

    def _schedule(self, waiting: _Waiting) -> None:
        clock = self.plugin_context.clock
        waiting.timer = clock.callLater(self.options.period, self._retry, waiting)

    def _retry(self, waiting: _Waiting) -> None:
        waiting.timer = None
        what = f"a retry of {waiting.call.method.path}"
        waiting.running = in_background(self._run(waiting), what)

    async def _run(self, waiting: _Waiting) -> None:
        timers, method = self.plugin_context.timers, waiting.call.method
        waiting.retries += 1
        call = _copied(waiting.call)
        call.deadline = timers.seconds() + waiting.limit_s
        count_previous(call, waiting.retries)
        try:
            await with_deadline(waiting.step(call), timers, call.deadline)
        except CallError as error:
            self._failed_again(waiting, error)
        except Exception as bug:
            self._give_up(waiting, f"a retry raised {type(bug).__name__}")
            raise
        else:
            self._recovered.of(method.service, method.name).value += 1
            self._remove(waiting)

    def _failed_again(self, waiting: _Waiting, error: CallError) -> None:
        if waiting not in self._waiting:
            return  # given up by the stop
        options = self.options
        next_at = self.plugin_context.clock.seconds() + options.period
        reason = self._why_not(waiting.call.method.idempotent, error)
        if not reason and waiting.retries >= options.max_retries:
            reason = f"{waiting.retries} retries have failed"
        if not reason and next_at - waiting.failed_at > options.max_age:
            reason = f"it is older than {options.max_age:g} s"
        if reason:
            self._give_up(waiting, f"{reason}, the last with {error}")
        else:
            self._schedule(waiting)

    def _give_up(self, waiting: _Waiting, reason: str) -> None:
        if waiting in self._waiting:
            self._remove(waiting)
            self._count_given_up(waiting.call, reason)

    def _remove(self, waiting: _Waiting) -> None:
        del self._waiting[waiting]
        self._load.calls -= 1
        self._load.bytes -= waiting.size
        self._gauge.value -= 1

    def _count_given_up(self, call: Call, reason: str) -> None:
        method = call.method
        self._given_up.of(method.service, method.name).value += 1
        self._log.warn_of(
            method.path,
            "a call of {method} that failed is given up: {reason}",
            method=method.path,
            reason=reason,
            trace_id=call.trace_id,
        )


def _copied(call: Call) -> Call:
    """
    Return a new call like one that has ended. Its caller goes on, and may change the message.
    """
    copy = Call(call.method, deepcopy(call.request), call.metadata, caller=call.caller)
    copy.compression, copy.trace = call.compression, call.trace
    return copy
