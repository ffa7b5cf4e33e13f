"""
How loaded the servers are, as they say themselves: CPU, memory, load average.

Theory of operation. Servers that speak the native wire are asked at an interval, by a ping
whose answer carries the report. Others send it with their responses, in a trailer, as gRPC's
ORCA has it. The newest report counts, until it is too old. From that::

    free  = 1 - the highest of CPU, and of the metrics that the options name
    score = min(1, free / free of the node at the upper quartile) x memory factor x load factor

Each factor is 1 up to its limit. Above it the factor of the memory falls evenly to 0, where all
of it is used, and that of the load average to limit / load.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import ClassVar
from weakref import WeakKeyDictionary

from attrs import evolve

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.collector import Collector, CollectorOptions
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.load_report import LoadReport
from rpcfw.values.outcome import Outcome
from rpcfw.values.units import Seconds, Share
from rpcfw_collectors.orca import TRAILER, parse_orca

__all__ = ["Runtime", "RuntimeOptions"]

#: With less, a node that is busy for a moment would get no calls.
_MIN_FREE = 0.05
#: A report of fewer cores would make all that is free of a node nothing.
_MIN_CORES = 1e-3
#: The trailers of a node are read so often at most.
_MIN_READ_S = 0.1
_MIN_INTERVAL_S = 0.1
#: A server measures its CPU between two questions, and only if they are at most 60 s apart.
_MAX_INTERVAL_S = 30.0


@options
class RuntimeOptions(CollectorOptions):
    """
    What the INI may say.
    """

    interval: Seconds = option("5s", "time between two questions for the load of a node")
    expiry: Seconds = option("30s", "a report that is older is forgotten")
    max_memory: Share = option("90%", "share of the memory above which the score falls")
    max_load: float = option("2", "load average of each core above which the score falls")
    count_cores: bool = option(
        "no", "yes: a node with twice the cores has twice the capacity; no: weights say it"
    )
    metrics: tuple[str, ...] = option(
        "", "metrics of the servers' own that are utilizations from 0 to 1, beside the CPU"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing can be scored with.
        """
        yield from super().problems()
        if self.interval < _MIN_INTERVAL_S:
            yield "interval", f"must be at least 100ms, not {self.interval * 1000:g}ms"
        if self.interval > _MAX_INTERVAL_S:
            yield "interval", f"must be at most {_MAX_INTERVAL_S:g}s, not {self.interval:g}s"
        if self.expiry < self.interval:
            yield "expiry", f"must be at least the interval, {self.interval:g}s"
        if not 0 <= self.max_memory < 1:
            yield "max_memory", "must be at least 0% and below 100%"
        if self.max_load <= 0:
            yield "max_load", f"must be above 0, not {self.max_load:g}"


class Runtime(Collector):
    """
    Scores nodes by the CPU, memory and load that their servers report.
    """

    Options: ClassVar[type] = RuntimeOptions
    options: RuntimeOptions
    learns = True

    def __init__(self, options: RuntimeOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._seconds = plugin_context.clock.seconds
        #: The last reports that came with responses.
        self._from_trailers: WeakKeyDictionary[Candidate, LoadReport] = WeakKeyDictionary()
        #: When a trailer of each node was read last, whether it was a report or not.
        self._read_at: WeakKeyDictionary[Candidate, float] = WeakKeyDictionary()

    def take_over(self, before: Runtime) -> None:
        """
        Share the reports.
        """
        self._from_trailers, self._read_at = before._from_trailers, before._read_at

    @property
    def report_interval_s(self) -> float:
        return self.options.interval

    def record(self, candidate: Candidate, outcome: Outcome) -> None:
        if outcome.trailers.pairs:
            self._read_trailers(candidate, outcome)

    def scores(self, candidates: Sequence[Candidate]) -> Sequence[float | None]:
        reports = self._reports(candidates)
        if all(report is None for report in reports):
            return [None] * len(reports)
        by_cores = self.options.count_cores and all(
            report.cores for report in reports if report is not None
        )
        free = [None if report is None else self._free(report, by_cores) for report in reports]
        known = sorted((share for share in free if share is not None), reverse=True)
        reference = known[(len(known) - 1) // 4]
        return [
            None
            if report is None or share is None
            else min(1.0, share / reference) * self._factor(report)
            for report, share in zip(reports, free, strict=True)
        ]

    def _reports(self, candidates: Sequence[Candidate]) -> list[LoadReport | None]:
        """
        Return the newest report of each node; None if it says too little, or is too old.
        """
        oldest_at = self._seconds() - self.options.expiry
        found = [one.load for one in candidates]
        if self._from_trailers:
            sent = map(self._from_trailers.get, candidates)
            found = [_newer(*pair) for pair in zip(found, sent, strict=True)]
        return [
            None
            if report is None or report.cpu is None or report.received_at < oldest_at
            else report
            for report in found
        ]

    def _free(self, report: LoadReport, by_cores: bool) -> float:
        """
        Return how much of the node is not in use.
        """
        used = report.cpu or 0.0
        for name in self.options.metrics:
            used = max(used, report.metrics.get(name, 0.0))
        cores = max(report.cores, _MIN_CORES) if by_cores and report.cores else 1.0
        return max(1 - used, _MIN_FREE) * cores

    def _factor(self, report: LoadReport) -> float:
        """
        Return the factor for what is short beside the CPU.
        """
        factor, limit = 1.0, self.options.max_memory
        if report.memory is not None and report.memory > limit:
            factor = max(0.0, (1 - report.memory) / (1 - limit))
        load = report.load_average
        if load is not None and report.cores:
            factor *= min(1.0, self.options.max_load * report.cores / max(load, 1e-9))
        return factor

    def _read_trailers(self, candidate: Candidate, outcome: Outcome) -> None:
        now = self._seconds()
        if now - self._read_at.get(candidate, -inf) < _MIN_READ_S:
            return
        value = outcome.trailers.get(TRAILER)
        if not isinstance(value, bytes):
            return
        self._read_at[candidate] = now
        report = parse_orca(value)
        # One without CPU says too little, and must not hide what is known by a pong.
        if report is not None and report.cpu is not None:
            self._from_trailers[candidate] = evolve(report, received_at=now)


def _newer(one: LoadReport | None, other: LoadReport | None) -> LoadReport | None:
    if one is None or other is None:
        return one or other
    return one if one.received_at >= other.received_at else other
