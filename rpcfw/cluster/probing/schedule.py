"""
When each address is probed: evenly spread over time, and only so many at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.probe import probe
from rpcfw.cluster.probing.target import Target
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.transport.runtime import Runtime

__all__ = ["Schedule"]

#: Intervals differ by so much, so that probers and addresses do not fall into step.
_JITTER = 0.2


class Schedule:
    """
    Probes addresses again and again.

    Args:
        runtime: connects.
        options: see `ProbeOptions`.
        log: for probes that are late.
        probed: called after each probe with why it failed; empty if it did not.
    """

    def __init__(
        self,
        runtime: Runtime,
        options: ProbeOptions,
        log: LimitedLog,
        probed: Callable[[Target, str], None],
    ) -> None:
        self._runtime = runtime
        self._options = options
        self._log = log
        self._probed = probed
        #: Those that are due, and since when, while the maximum number is being probed.
        self._due: deque[tuple[Target, float]] = deque()
        self._running: dict[Target, Deferred[None]] = {}
        self._known: set[Target] = set()

    def add(self, target: Target) -> None:
        """
        Probe an address from now on: first within one interval.
        """
        self._known.add(target)
        self._later(target, self._runtime.random.random() * self._options.interval)

    def remove(self, target: Target) -> None:
        """
        Probe it no more.
        """
        self._known.discard(target)
        if target.timer is not None and target.timer.active():
            target.timer.cancel()
        running = self._running.get(target)
        if running is not None:
            running.cancel()

    def stop(self) -> None:
        """
        Probe nothing any more.
        """
        for target in tuple(self._known):
            self.remove(target)

    def _later(self, target: Target, delay_s: float) -> None:
        target.timer = self._runtime.clock.callLater(delay_s, self._fall_due, target)

    def _fall_due(self, target: Target) -> None:
        self._due.append((target, self._runtime.clock.seconds()))
        self._begin()

    def _begin(self) -> None:
        while self._due and len(self._running) < self._options.max_concurrent:
            target, due_at = self._due.popleft()
            if target in self._known:
                self._check_late(self._runtime.clock.seconds() - due_at)
                what = f"the probe of {target.address}"
                running = in_background(self._probe(target), what)
                # It may have ended at once.
                if not running.called:
                    self._running[target] = running
                    running.addBoth(self._end, target)
                else:
                    self._again(target)

    def _check_late(self, late_s: float) -> None:
        options = self._options
        if late_s > options.interval:
            self._log.warn_of(
                "late",
                "probes are late by {late:.0f} s, so what is reported is old: raise [probe] "
                "max_concurrent = {max} or interval = {interval:g} s, or divide the services "
                "among probers",
                late=late_s,
                max=options.max_concurrent,
                interval=options.interval,
            )

    async def _probe(self, target: Target) -> None:
        options = self._options
        reason = await probe(self._runtime, target.address, target.protocol, options.timeout)
        if target in self._known:
            self._probed(target, reason)

    def _end(self, result: object, target: Target) -> None:
        del self._running[target]
        self._again(target)
        self._begin()

    def _again(self, target: Target) -> None:
        if target in self._known:
            options = self._options
            delay_s = options.retry_interval if target.in_doubt else options.interval
            factor = 1 + _JITTER * (2 * self._runtime.random.random() - 1)
            self._later(target, delay_s * factor)
