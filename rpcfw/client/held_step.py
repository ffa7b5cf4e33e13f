"""
Calls that wait before they take a call stack.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.affinity import Affinity
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.call import Call

__all__ = ["HeldStep"]

#: A call is held for this share of its time at most. With the rest it can still be made; or
#: the stack finds out, and counts, why it cannot.
_MAX_SHARE = 0.9


class HeldStep:
    """
    Stands in the place of a stack until an event is set.

    A stream refers to the stack that it was opened through as long as it is read, so this
    keeps the one that was taken.

    Args:
        released: the event.
        stack: returns the stack of now.
        timers: the clock that deadlines are on.
        affinity: where calls may be awaited. The stack checks that too, but a wait comes first.
    """

    def __init__(
        self,
        released: Event,
        stack: Callable[[], CallStep],
        timers: Timers,
        affinity: Affinity,
    ) -> None:
        self._released = released
        self._now = stack
        self._timers = timers
        self._affinity = affinity
        self._taken: CallStep | None = None

    async def __call__(self, call: Call) -> Any:
        self._affinity.check(f"a call of {call.method.path}")
        now = self._timers.seconds()
        until = now + _MAX_SHARE * (call.deadline - now)
        with suppress(DeadlineExceeded):
            await with_deadline(self._released.wait(), self._timers, until)
        stack = self._taken = self._now()
        return await stack(call)
