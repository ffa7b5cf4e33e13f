"""
Deadlines: every call gets one, none outlives it, and none too late is begun.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from rpcfw.errors import DeadlineExceeded
from rpcfw.filters.nested import pass_on
from rpcfw.spi.deadline_keeping import keeps_deadline
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.runtime.waiting import CANCELLED, with_deadline
from rpcfw.status import Hint
from rpcfw.values.call import Call, serving
from rpcfw.values.metadata import PREVIOUS_ATTEMPTS

__all__ = ["AttemptDeadline", "ClientDeadline", "ServerDeadline"]


class ClientDeadline(Filter):
    """
    One limit over everything below it: routing, waiting, all attempts.

    ``call.deadline`` comes set from the channel. A call made while serving another
    never gets more time than that one has left, and passes on some of its metadata.

    Args:
        plugin_context: for the timers.
        passed_on: the names of that metadata.
    """

    def __init__(self, plugin_context: PluginContext, passed_on: tuple[str, ...] = ()) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._passed_on = (PREVIOUS_ATTEMPTS, *passed_on)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        timers = self.plugin_context.timers
        affinity = self.plugin_context.affinity
        seconds = timers.seconds
        passed_on = self._passed_on
        kept = keeps_deadline(proceed)

        async def step(call: Call) -> Any:
            # Some 50 ns, before anything below is touched that is not safe from threads.
            if affinity.current() != affinity.expected:
                raise affinity.misplaced(f"a call of {call.method.path}")
            began = seconds()
            outer = serving.get()
            if outer is not None:
                _nest(call, outer, passed_on)
            if call.deadline <= began:
                raise DeadlineExceeded(
                    f"no time was left for {call.method.path} when it was called",
                    hints=Hint.NEVER_SENT,
                )
            try:
                if kept:
                    call.expired = False
                    return await proceed(call)
                return await with_deadline(proceed(call), timers, call.deadline)
            except CANCELLED:
                if not call.expired:
                    raise
                raise DeadlineExceeded(_overran(call, call.deadline - began)) from None
            except DeadlineExceeded as error:
                if not error.message:
                    error.message = _overran(call, call.deadline - began)
                raise

        return step


def _nest(call: Call, outer: Call, passed_on: tuple[str, ...]) -> None:
    """
    Give a call that is made while serving another what it has of that.
    """
    call.deadline = min(call.deadline, outer.deadline)
    if outer.metadata.pairs:
        pass_on(outer, call, passed_on)


def _overran(call: Call, limit_s: float) -> str:
    where = f"; last tried {call.peer}" if call.peer else ""
    times = "once" if call.attempt == 1 else f"{call.attempt} times"
    return f"no answer from {call.method.path} within {limit_s:.3g} s (tried {times}{where})"


class AttemptDeadline(Filter):
    """
    One attempt's share of the call's time: a node that hangs leaves some for the next.

    What overran may have been begun, so only the call of an idempotent method may go on
    to the next node.

    Args:
        limit_s: the share.
        plugin_context: for the timers.
    """

    waits = False

    def __init__(self, limit_s: float, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._limit_s = limit_s

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        timers = self.plugin_context.timers
        limit_s = self._limit_s
        deadline = timers.seconds() + limit_s
        if deadline >= call.deadline:
            return await proceed(call)
        try:
            return await with_deadline(proceed(call), timers, deadline)
        except DeadlineExceeded as error:
            if not error.message:
                error.message = f"no answer from {call.peer} within attempt_timeout {limit_s:g} s"
                if call.method.idempotent:
                    error.hints |= Hint.SAFE_TO_REPEAT
            raise


class ServerDeadline(Filter):
    """
    Drops what came too late before it costs anything.

    What comes in time is watched by whoever runs the method, and only once it waits.
    """

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        seconds = self.plugin_context.clock.seconds

        def step(call: Call) -> Coroutine[Any, Any, Any]:
            return _too_late(call) if call.deadline <= seconds() else proceed(call)

        return step


async def _too_late(call: Call) -> Any:
    raise DeadlineExceeded(
        f"the time for {call.method.path} was over before it was begun", hints=Hint.NOT_BEGUN
    )
