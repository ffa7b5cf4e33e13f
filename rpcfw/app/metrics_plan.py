"""
What ``[metrics]`` says: how many series there may be, and where they are sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.settings import Sources
from rpcfw.spi.metrics_exporter import MetricsExporter
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.metrics import MAX_SERIES

__all__ = ["MetricsOptions", "MetricsPlan", "read_metrics_plan"]

#: More series than that would take a scrape some seconds.
_MAX_MAX_SERIES = 100_000


@options
class MetricsOptions:
    """
    What is counted, ``[metrics]``.
    """

    max_series: int = option(
        str(MAX_SERIES),
        "series of one metric, so also methods that are counted each by itself; further ones are "
        "counted together, as 'other'",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a limit that would count nothing by itself.
        """
        if not 1 <= self.max_series <= _MAX_MAX_SERIES:
            yield "max_series", f"must be 1 to {_MAX_MAX_SERIES:,}, not {self.max_series:,}"


@frozen(eq=False)
class MetricsPlan:
    """
    What a process does with its metrics.

    Args:
        options: see `MetricsOptions`.
        exporter: sends the metrics; None: nobody does.
    """

    options: MetricsOptions
    exporter: Chosen[MetricsExporter] | None


def read_metrics_plan(sources: Sources, chooser: Chooser) -> MetricsPlan:
    """
    Claim the section.
    """
    made = sources.section("metrics", MetricsOptions, extra_keys=("exporter",))
    seam: type[MetricsExporter] = MetricsExporter  # type: ignore[type-abstract]  # a seam
    exporter = chooser.one("rpcfw.metrics_exporters", seam, "metrics", key="exporter")
    return MetricsPlan(made, exporter)
