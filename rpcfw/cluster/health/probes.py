"""
The reports of probers as one process knows them: watched once for all its clients.
"""

from __future__ import annotations

from collections.abc import Iterable

from rpcfw.cluster.health.prober_reports import MAX_PROBERS, Opinion, ProberReports
from rpcfw.spi.registry import Registry, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Snapshot
from rpcfw.values.probe_report import PROBER_SERVICE

__all__ = ["MAX_AGE_S", "Probes"]

#: While the registry is unreachable, the last reports are used for this time.
MAX_AGE_S = 30.0

_NONE = ProberReports()


class Probes:
    """
    Watches the probers in a registry.

    A report is in the registry as long as the session of its prober, so it needs no time of its
    own. While this process does not reach the registry, nobody knows about that.

    Args:
        registry: where probers announce themselves.
        clock: for the age of reports.
        meter: of the process.
        log: for reports that cannot be read, or not be had.
    """

    def __init__(self, registry: Registry, clock: Clock, meter: Meter, log: LimitedLog) -> None:
        #: Changes whenever the reports in use do.
        self.version = 0
        self._registry = registry
        self._clock = clock
        self._log = log
        self._watch: Watch | None = None
        self._wanted = self._started = False
        self._last = _NONE
        #: `_last`, or none if it is too old.
        self._used = _NONE
        #: Since when the registry cannot be asked.
        self._unreachable_at: float | None = None
        gauge = meter.gauge("rpcfw_client_probers", "probers by what is thought of them", "state")
        self._states = {each: gauge.of(each) for each in ("believed", "cut_off", "unreadable")}

    def start(self) -> None:
        """
        Watch as soon as somebody wants the reports: the registry is started.
        """
        self._started = True
        if self._wanted:
            self._begin()

    def want(self) -> None:
        """
        Have the probers watched; before the start, from then on.
        """
        self._wanted = True
        if self._started:
            self._begin()

    def _begin(self) -> None:
        if self._watch is None:
            self._watch = self._registry.watch(PROBER_SERVICE, self._take, self._refused)

    def stop(self) -> None:
        """
        Watch no more.
        """
        self._started = False
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        self._last = _NONE
        self._use(_NONE)

    def opinion(self, service: str, id: str, address: str) -> Opinion:
        """
        Return what the probers say of one node.
        """
        return self._used.opinion(service, id, address)

    def dead(self, service: str, nodes: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
        """
        Return which nodes of a service are held to be dead, of these ids and addresses.
        """
        return self._used.dead(service, nodes)

    def check_age(self) -> None:
        """
        See whether the reports are too old. To be called from time to time.
        """
        now = self._clock.seconds()
        if self._watch is None or not self._watch.trouble:
            self._unreachable_at = None
        elif self._unreachable_at is None:
            self._unreachable_at = now
        too_old = self._unreachable_at is not None and now - self._unreachable_at >= MAX_AGE_S
        self._use(_NONE if too_old else self._last)

    def _take(self, snapshot: Snapshot) -> None:
        self._last = reports = ProberReports(snapshot.instances)
        for id, reason in reports.unreadable.items():
            self._log.warn_of(
                "unreadable report",
                "the report of the prober {id} is not used: {reason}",
                id=id,
                reason=reason,
            )
        if reports.ignored:
            self._log.warn_of(
                "many probers",
                "the reports of {count} probers are not read: {max} are enough",
                count=reports.ignored,
                max=MAX_PROBERS,
            )
        self._use(reports)

    def _refused(self, reason: str) -> None:
        self._log.warn_of(
            "probers refused",
            "no prober is known: the registry ({registry}) says: {reason}",
            registry=str(self._registry),
            reason=reason,
        )

    def _use(self, reports: ProberReports) -> None:
        if reports is self._used:
            return
        self._used = reports
        self.version += 1
        self._states["believed"].value = reports.believed
        self._states["cut_off"].value = reports.cut_off
        self._states["unreadable"].value = len(reports.unreadable)
