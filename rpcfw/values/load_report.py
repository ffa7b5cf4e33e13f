"""
What a server says about its load, to clients that balance by it.

Reports come from peers. So each value is checked before it is believed, and the number and the
length of names are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import field, frozen

__all__ = ["MAX_METRICS", "MAX_NAME_CHARS", "LoadReport", "is_load", "is_metric_name"]

#: So many named metrics are in a report, with names of so many characters.
MAX_METRICS = 16
MAX_NAME_CHARS = 32
#: No load, number of cores or rate that means anything is higher.
_MAX_VALUE = 1e9
_NAME = re.compile(r"[A-Za-z0-9_.\-]+\Z")


def is_load(value: float) -> bool:
    """
    Tell whether a number can be a load: it is not negative, not too large, and a number.
    """
    return 0.0 <= value <= _MAX_VALUE


def is_metric_name(name: str) -> bool:
    """
    Tell whether a text can name a metric: letters, digits, dots, hyphens, underscores.
    """
    return len(name) <= MAX_NAME_CHARS and _NAME.match(name) is not None


@frozen(kw_only=True)
class LoadReport:
    """
    The load of a server and its machine. None is for what is not known.

    Args:
        cpu: share of the CPU that is in use, from 0 to 1; above 1 if there is a soft limit.
        memory: share of the memory that is in use.
        load_average: mean number of processes that want to run, on the cores below.
        cores: number of CPU cores that the server may use.
        qps: calls that it begins, a second.
        metrics: values of its own, by name.
        received_at: when it came, by the clock of the process that received it.

    Raises:
        ValueError: a value is no load, or a name no name.
    """

    cpu: float | None = None
    memory: float | None = None
    load_average: float | None = None
    cores: float | None = None
    qps: float | None = None
    metrics: Mapping[str, float] = field(factory=dict)
    received_at: float = 0.0

    def __attrs_post_init__(self) -> None:
        values = (self.cpu, self.memory, self.load_average, self.cores, self.qps)
        for value in (*values, *self.metrics.values()):
            if value is not None and not is_load(value):
                raise ValueError(f"expected a load from 0 to {_MAX_VALUE:g}, got {value:g}")
        if len(self.metrics) > MAX_METRICS:
            raise ValueError(f"{len(self.metrics)} metrics, at most {MAX_METRICS} are taken")
        for name in self.metrics:
            if not is_metric_name(name):
                raise ValueError(f"{name[:MAX_NAME_CHARS]!r} cannot name a metric")
