"""
The time that a process measures by: the one place that asks the system for it.

Theory of operation. Twisted's reactors keep their delayed calls by the time of day
(`twisted.python.runtime.seconds`), which people and NTP set: after a step back by an hour
a call that is due in 4 s comes in an hour and 4 s, after a step forward everything is due
at once. So the reactor that an application runs on, whoever installed it, is made to count
on by the system's monotonic clock, from the time of day at which that was done. What was
scheduled before stays due when it was, and whoever writes ``reactor.seconds()`` as a date,
as Twisted's web server does in its log, still writes one.

What is ours measures by `time.monotonic` itself, which costs no call of a Python function,
and gives the reactor delays only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.python.runtime import seconds as reactors_seconds

from rpcfw.app.heartbeat import Heartbeat
from rpcfw.app.late_reactor import LateReactor
from rpcfw.app.patience import PatientClock
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["clock_of", "pauses_of", "steady", "time_of_day_of"]


class _Steady:
    """
    The time of day when this was made, and what has passed since.
    """

    def __init__(self) -> None:
        self._offset_s = time.time() - time.monotonic()

    def __call__(self) -> float:
        return self._offset_s + time.monotonic()


def clock_of(reactor: Any) -> Clock:
    """
    Return the clock of a process that runs on ``reactor``.

    Args:
        reactor: Twisted's, be it chosen later; or a clock, which is returned as it is.
    """
    if isinstance(reactor, ReactorBase):
        steady(reactor)
    elif not isinstance(reactor, LateReactor):
        clock: Clock = reactor
        return clock
    return PatientClock(time.monotonic, reactor.callLater)


def steady(reactor: Any) -> None:
    """
    Make Twisted's reactor count by the system's monotonic clock.
    """
    if reactor.seconds is reactors_seconds:
        reactor.seconds = _Steady()


def pauses_of(reactor: Any) -> Pauses:
    """
    Return what knows the time that the process loses; for a clock, a test reports it.
    """
    if isinstance(reactor, (ReactorBase, LateReactor)):
        return Heartbeat(time.monotonic, reactor.callLater)
    return Pauses()


def time_of_day_of(reactor: Any) -> Callable[[], float]:
    """
    Return what tells the seconds since 1970; a test's clock counts from when it likes.
    """
    if isinstance(reactor, (ReactorBase, LateReactor)):
        return time.time
    seconds: Callable[[], float] = reactor.seconds
    return seconds
