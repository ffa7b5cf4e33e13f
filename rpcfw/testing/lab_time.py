"""
The time of a lab, and what runs in it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Generic, TypeVar

from twisted.internet.task import Clock
from twisted.python.failure import Failure

from rpcfw.spi.runtime.waiting import spawn

__all__ = ["LabClock", "Running"]

T = TypeVar("T")

#: So many delayed calls at one moment are a loop.
_MAX_TURNS = 1_000_000


class LabClock(Clock):
    """
    A clock that goes from event to event.
    """

    def __init__(self) -> None:
        super().__init__()
        self._turns = 0

    def due_at(self) -> float | None:
        """
        Return when the next delayed call is due; None if there is none.
        """
        return self.calls[0].getTime() if self.calls else None

    def turn(self) -> None:
        """
        Make the next delayed call, whenever it is due.

        Raises:
            AssertionError: time stands still: something goes round and round.
        """
        call = self.calls.pop(0)
        due_at = call.getTime()
        self._turns = 0 if due_at > self.rightNow else self._turns + 1
        if self._turns > _MAX_TURNS:
            raise AssertionError(f"time stands still at {self.rightNow:g} s; next was {call}")
        self.rightNow = max(self.rightNow, due_at)
        call.called = 1
        call.func(*call.args, **call.kw)


class Running(Generic[T]):
    """
    A coroutine that runs while the lab's time passes. Cancelling it cancels what runs.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._box: list[Any] = []
        self._running = spawn(coroutine)
        self._running.addBoth(self._box.append)

    @property
    def done(self) -> bool:
        """
        Whether it has ended.
        """
        return bool(self._box)

    @property
    def value(self) -> T:
        """
        What it returned; what it raised is raised.
        """
        result: Any = self._box[0]
        if isinstance(result, Failure):
            error: BaseException = result.value  # type: ignore[assignment]  # never None here
            raise error
        value: T = result
        return value

    def cancel(self) -> None:
        self._running.cancel()
