"""
Writes the report of a prober into the registry, as the tag of an instance.

Each write goes to every client that listens to probers, and there may be ten thousand of them.
So a change is written at once after a quiet time, and while there are more the time between two
writes doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from attrs import evolve
from twisted.internet.defer import Deferred

from rpcfw.errors import RegistryError
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.background import PAUSE_S, loop_in_background
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.metrics import Counter
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import REPORT_TAG, ProbeReport, report_to_json

__all__ = ["Publisher"]

#: The time between two writes is at most so many times the shortest.
_MAX_GROWTH = 16


class Publisher:
    """
    Writes only what has changed, and not too often.

    Args:
        registry: where to.
        instance: the prober.
        make_report: returns what is to be written now.
        interval_s: shortest time between two writes.
        clock: time.
        written: counts the writes.
        log: for what the registry refuses.
    """

    def __init__(
        self,
        registry: Registry,
        instance: Instance,
        make_report: Callable[[], ProbeReport],
        interval_s: float,
        clock: Clock,
        written: Counter,
        log: LimitedLog,
    ) -> None:
        self._registry = registry
        self._instance = instance
        self._make_report = make_report
        self._interval_s = interval_s
        self._clock = clock
        self._written = written
        self._log = log
        self._changed = Event()
        #: Time until the next write, at least; and when the last one was.
        self._pause_s = interval_s
        self._written_at = -inf
        #: What is in the registry.
        self._published: ProbeReport | None = None
        self._loop: Deferred[None] | None = None

    def start(self) -> None:
        """
        Write the report, and whatever it becomes.
        """
        self._changed.set()
        self._loop = loop_in_background(self._run, "the report of a prober", self._clock)

    def changed(self) -> None:
        """
        Note that there may be another report.
        """
        self._changed.set()

    async def stop(self) -> None:
        """
        Withdraw the report.
        """
        loop, self._loop = self._loop, None
        if loop is None:
            return
        loop.cancel()
        try:
            await self._registry.withdraw(self._instance)
        except RegistryError as error:
            self._log.warn_of("withdraw", "the report could not be withdrawn: {error}", error=error)

    async def _run(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            report = self._make_report()
            if report != self._published:
                await self._write(report)

    async def _write(self, report: ProbeReport) -> None:
        tags = {REPORT_TAG: report_to_json(report)}
        try:
            # While the registry is unreachable, this waits. Then the next report is made.
            await self._registry.announce(evolve(self._instance, tags=tags))
        except RegistryError as error:
            self._log.warn_of(
                "refused",
                "the registry ({registry}) does not take the report: {error}",
                registry=str(self._registry),
                error=error,
            )
            self._changed.set()
            await sleep(self._clock, PAUSE_S)
            return
        self._published = report
        self._written.value += 1
        await sleep(self._clock, self._next_pause_s())

    def _next_pause_s(self) -> float:
        now = self._clock.seconds()
        if now - self._written_at >= 2 * self._pause_s:
            self._pause_s = self._interval_s
        else:
            self._pause_s = min(2 * self._pause_s, _MAX_GROWTH * self._interval_s)
        self._written_at = now
        return self._pause_s
