"""
A clock that lets what waits come first, when this process was late itself.

Theory of operation. A process may be stopped, moved to another machine, or held by a
long method. When it goes on, what was due meanwhile is due at once, while the bytes that
peers sent in time wait unread in the sockets: timers would say that a peer was silent, or
that no answer came, although it is there. So a delayed call that comes too late waits a
moment more, in which the reactor reads; and only then is made.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.error import AlreadyCalled

from rpcfw.spi.runtime.clock import DelayedCall

__all__ = ["PatientClock"]

#: Later than this is not the system's grain, nor a usual turn of the reactor.
_LATE_S = 0.1
#: Several turns of the reactor: an asyncio loop needs more than one for what it reads.
_MOMENT_S = 0.05


class PatientClock:
    """
    Fits `rpcfw.spi.runtime.clock.Clock`. A delay below 0 is one of 0.

    Args:
        seconds: what time is measured by.
        call_later: the reactor's, or a clock's.
    """

    def __init__(self, seconds: Callable[[], float], call_later: Callable[..., Any]) -> None:
        self.seconds = seconds
        self.call_later = call_later

    def callLater(  # noqa: N802 - the reactor's name
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        if delay <= 0:
            # Due in the next turn, it cannot be late.
            at_once: DelayedCall = self.call_later(0, callable, *args, **kwargs)
            return at_once
        return _Patient(self, delay, partial(callable, *args, **kwargs))


class _Patient:
    """
    A delayed call. It drops the reference to its function once that is called or cancelled.
    """

    __slots__ = ("_call", "_clock", "_delayed", "_due_at")

    def __init__(self, clock: PatientClock, delay_s: float, call: Callable[[], Any]) -> None:
        self._clock = clock
        self._call = call
        self._due_at = clock.seconds() + delay_s
        self._delayed: Any = clock.call_later(delay_s, self._come)

    def active(self) -> bool:
        return self._delayed is not None

    def cancel(self) -> None:
        delayed, self._delayed = self._delayed, None
        if delayed is None:
            raise AlreadyCalled
        delayed.cancel()
        del self._call

    def _come(self) -> None:
        if self._clock.seconds() - self._due_at > _LATE_S:
            self._delayed = self._clock.call_later(_MOMENT_S, self._make)
        else:
            self._make()

    def _make(self) -> None:
        call = self._call
        self._delayed = None
        del self._call
        call()
