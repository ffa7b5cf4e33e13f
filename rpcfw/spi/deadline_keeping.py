"""
Who ends a call at its deadline.

Theory of operation. The DEADLINE filter of a client can end whatever is below it, also the waits
of users' filters: `rpcfw.spi.runtime.waiting.with_deadline` stands between each wait and the
reactor. But that takes 0.8 us of a call's 10. Steps of our own wait for nothing but the response,
nearly always, and the wait for the response can watch the deadline itself. So a step may *keep the
deadline*. Then it promises for a call with `Call.expired` False: if it or a step below it still
waits at the deadline, `expired` becomes True, and what it waits for is cancelled. The
cancellation passes through the steps as one by the caller does, and the DEADLINE filter
makes a `DeadlineExceeded` of it.

A step keeps the deadline if it is marked so. A stack marks the step of a filter that waits for
nothing but a step that is marked; see `Filter.waits`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.call import Call

__all__ = ["keep_deadline", "keeping_deadline", "keeps_deadline", "until_deadline"]

T = TypeVar("T")


Step = TypeVar("Step", bound=Callable[..., Any])


def keep_deadline(step: Step) -> Step:
    """
    Mark a step that keeps the deadline, and return it.
    """
    with suppress(AttributeError):  # a bound method, which takes no mark
        step.keeps_deadline = True  # type: ignore[attr-defined]  # functions take any
    return step


def keeps_deadline(step: CallStep) -> bool:
    """
    Tell whether a step is marked.
    """
    return getattr(step, "keeps_deadline", False)


def keeping_deadline(step: CallStep, timers: Timers) -> CallStep:
    """
    Return a step that does the same and keeps the deadline.
    """
    if keeps_deadline(step):
        return step

    def kept(call: Call) -> Coroutine[Any, Any, Any]:
        return until_deadline(step(call), call, timers)

    return keep_deadline(kept)


async def until_deadline(waiting: Coroutine[Any, Any, T], call: Call, timers: Timers) -> T:
    """
    Await anything for a call, and keep the deadline meanwhile.
    """
    if call.expired is None:  # somebody outside does
        return await waiting
    call.expired = None  # what is inside need not
    try:
        return await with_deadline(waiting, timers, call.deadline, call)
    finally:
        if call.expired is None:
            call.expired = False
