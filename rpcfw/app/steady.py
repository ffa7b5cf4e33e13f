"""
The clock of a process: the one place that asks the system for the time.

Theory of operation. Twisted's reactors schedule delayed calls by the time of day
(`twisted.python.runtime.seconds`), which people and NTP can set. After a step back of an hour,
a call that is due in 4 s comes in an hour and 4 s. After a step forward, all calls are due at
once. So the reactor of an application, also one that the program installed, gets a function
that starts at the time of day and continues with the system's monotonic clock. Calls that were
scheduled before stay due at the right time. Code that prints ``reactor.seconds()`` as a date,
as Twisted's web server does in its log, still prints a date.

Our own code uses `time.monotonic` directly, which costs no call of a Python function. It gives
the reactor only delays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.python.runtime import seconds as reactors_seconds

from rpcfw.app.heartbeat import Heartbeat
from rpcfw.app.late_reactor import LateReactor
from rpcfw.app.machine_usage import usage_reader
from rpcfw.app.patience import PatientClock
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.load_reporter import Usage
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["clock_of", "pauses_of", "steady", "time_of_day_of", "usage_of"]


def clock_of(reactor: Any) -> Clock:
    """
    Return the clock of a process that runs on ``reactor``.

    Args:
        reactor: Twisted's, which may be chosen later; or a clock, which is returned unchanged.
    """
    if isinstance(reactor, ReactorBase):
        steady(reactor)
    elif not isinstance(reactor, LateReactor):
        clock: Clock = reactor
        return clock
    return PatientClock(time.monotonic, reactor.callLater)


def steady(reactor: Any) -> None:
    """
    Let Twisted's reactor use the system's monotonic clock.
    """
    if reactor.seconds is reactors_seconds:
        reactor.seconds = _steady_seconds()


def _steady_seconds() -> Callable[[], float]:
    """
    Return a function: the time of day of now, plus the time that has passed since.
    """
    monotonic = time.monotonic
    offset_s = time.time() - monotonic()
    # The reactor asks in each turn, and a function costs less than an object that is called.
    return lambda: offset_s + monotonic()


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


def usage_of(reactor: Any) -> Callable[[], Usage] | None:
    """
    Return what reads the usage of the machine; for a clock, a test says it.
    """
    return (
        usage_reader(time.process_time) if isinstance(reactor, (ReactorBase, LateReactor)) else None
    )
