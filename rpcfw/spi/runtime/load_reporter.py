"""
Says how loaded this process and its machine are, to clients that ask.

Theory of operation. Nothing is measured until somebody asks, and then at most once in an
interval: who asks in between gets the same report. A share of CPU time and a rate are
differences between two samples. If the last one is too old to compare with, they are unknown,
and the next report has them.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from rpcfw.values.load_report import (
    MAX_METRICS,
    MAX_NAME_CHARS,
    LoadReport,
    is_load,
    is_metric_name,
)

__all__ = ["LoadReporter", "Usage"]

#: A share of the time since an older sample would say little about now.
_MAX_AGE_S = 60.0
#: Shorter differences are those of rounding.
_MIN_AGE_S = 0.1


@frozen(kw_only=True)
class Usage:
    """
    What the system says at one moment. None is for what it does not say.

    Args:
        process_s: CPU time that this process has used.
        busy_s: time that the machine's cores were busy, summed up.
        total_s: the same, busy or not.
        memory: share of the memory that is in use.
        load_average: mean number of processes that want to run, on the cores below.
        cores: number of cores that this process may use.
    """

    process_s: float
    busy_s: float | None = None
    total_s: float | None = None
    memory: float | None = None
    load_average: float | None = None
    cores: float | None = None


@frozen
class _Sample:
    at: float
    usage: Usage
    calls: int


class LoadReporter:
    """
    Measures at intervals, and adds what the application says of itself.

    Args:
        seconds: the clock.
        read: asks the system; None: it is not known here.
        interval_s: the time between two samples.
    """

    def __init__(
        self,
        seconds: Callable[[], float] = lambda: 0.0,
        read: Callable[[], Usage] | None = None,
        interval_s: float = 1.0,
    ) -> None:
        #: Whether reports are given at all.
        self.enabled = False
        self.read = read
        #: Returns how many calls have begun so far.
        self.calls: Callable[[], int] = lambda: 0
        self._seconds = seconds
        self._interval_s = interval_s
        self._metrics: dict[str, float] = {}
        self._sample: _Sample | None = None
        self._report: LoadReport | None = None

    def set(self, name: str, value: float) -> None:
        """
        Set a metric of the application's own, such as the share of a queue that is full.

        It is in the reports that are made from now on.

        Raises:
            ValueError: the name or the value cannot be reported, or there are too many.
        """
        if not is_metric_name(name):
            raise ValueError(
                f"{name!r} cannot name a metric: at most {MAX_NAME_CHARS} letters, digits, dots, "
                "hyphens and underscores"
            )
        if not is_load(value):
            raise ValueError(f"expected a number from 0 to 1e9 for the metric {name}, got {value}")
        if name not in self._metrics and len(self._metrics) >= MAX_METRICS:
            raise ValueError(f"there are {MAX_METRICS} metrics already, which is the most")
        self._metrics[name] = float(value)

    def unset(self, name: str) -> None:
        """
        Report a metric no longer.
        """
        self._metrics.pop(name, None)

    def report(self) -> LoadReport | None:
        """
        Return the report of now; None if none is given.
        """
        if not self.enabled or self.read is None:
            return None
        now, before = self._seconds(), self._sample
        if before is None or self._report is None or now - before.at >= self._interval_s:
            self._sample = _Sample(now, self.read(), self.calls())
            self._report = self._compared(before, self._sample)
        return self._report

    def _compared(self, before: _Sample | None, after: _Sample) -> LoadReport:
        usage = after.usage
        cpu = qps = None
        if before is not None and _MIN_AGE_S <= after.at - before.at <= _MAX_AGE_S:
            cpu = _cpu(before, after)
            qps = max(0, after.calls - before.calls) / (after.at - before.at)
        return LoadReport(
            cpu=cpu,
            memory=usage.memory,
            load_average=usage.load_average,
            cores=usage.cores,
            qps=qps,
            metrics=dict(self._metrics),
        )


def _cpu(before: _Sample, after: _Sample) -> float:
    """
    Return the share of the CPU in use: of the machine, or of one core by this process.

    It is the higher of the two, because calls run in one thread: a process that uses one core
    is at its limit, however many there are. If it may use less than one core, as in a small
    container, that is its limit.
    """
    old, new = before.usage, after.usage
    own = (new.process_s - old.process_s) / (after.at - before.at)
    share = min(max(own, 0.0) / min(new.cores or 1.0, 1.0), 1.0)
    if None not in (old.busy_s, old.total_s, new.busy_s, new.total_s):
        busy_s, total_s = new.busy_s - old.busy_s, new.total_s - old.total_s  # type: ignore[operator]
        if total_s > 0:
            share = max(share, min(max(busy_s / total_s, 0.0), 1.0))
    return share
