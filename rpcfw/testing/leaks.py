"""
What a test may not leave behind: time, connections, calls, and errors that were logged.
"""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, LogLevel, globalLogPublisher
from zope.interface import implementer

from rpcfw.app.application import Application
from rpcfw.spi.runtime.metrics import Gauge

__all__ = ["LoggedErrors", "left_by", "left_on"]


@implementer(ILogObserver)
class LoggedErrors:
    """
    Keeps what is logged as an error: `Deferred` failures that nobody took, too.
    """

    def __init__(self) -> None:
        self._events: list[LogEvent] = []
        globalLogPublisher.addObserver(self)

    def flush(self, *kinds: type[BaseException]) -> list[BaseException]:
        """
        Return the errors of these kinds, of any if none is given, and forget them.
        """
        taken = self.events(*kinds)
        self._events = [event for event in self._events if event not in taken]
        return [_error_in(event) for event in taken]

    def events(self, *kinds: type[BaseException]) -> list[LogEvent]:
        """
        Return what was logged with errors of these kinds, of any if none is given.
        """
        gc.collect()  # a failure that nobody took is logged as its Deferred goes
        wanted = kinds or (BaseException,)
        return [event for event in self._events if isinstance(_error_in(event), wanted)]

    def close(self) -> list[str]:
        """
        Watch no longer; return what was logged and not flushed.
        """
        gc.collect()
        globalLogPublisher.removeObserver(self)
        return [f"an error was logged: {_error_in(event)!r}" for event in self._events]

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level")
        if "log_failure" in event or (level is not None and level >= LogLevel.error):
            self._events.append(event)


def _error_in(event: LogEvent) -> BaseException:
    failure: Any = event.get("log_failure")
    if failure is None:
        return RuntimeError(event.get("log_format"))
    error: BaseException = failure.value
    return error


def left_by(application: Application) -> list[str]:
    """
    Return what an application counts as going on; after its stop that is a leak.
    """
    left = []
    for family in application.runtime.plugin_context.meter:
        left += [
            f"{family.name}{list(labels)} is {member.value:g}"
            for labels, member in family
            if isinstance(member, Gauge) and member.value
        ]
    server = application.server
    if server is not None and server.in_flight:
        left.append(f"{server.in_flight} served calls have not ended")
    left += [
        f"{node.in_flight} attempts at {node.peer} have not ended"
        for client in application.clients
        for node in client.nodes
        if node.in_flight
    ]
    return left


def left_on(clock: Clock) -> list[str]:
    """
    Return what a clock would still call.
    """
    return [f"a delayed call is left: {call}" for call in clock.getDelayedCalls()]
