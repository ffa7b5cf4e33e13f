"""
The options of ``[probe]``.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.instance import text_problem
from rpcfw.values.probe_report import ALL_SERVICES, MAX_REPORT_BYTES
from rpcfw.values.units import Seconds

__all__ = ["ProbeOptions"]

#: Names of services may take this part of a report.
_MAX_NAMES_SHARE = 0.25


@options
class ProbeOptions:
    """
    What a prober probes, how often, and what it reports.

    With the defaults, a node that answers nothing is reported after about 10 s.
    """

    services: tuple[str, ...] = option(
        ALL_SERVICES, "services whose nodes are probed; *: all that are in the registry"
    )
    name: str = option("", "name of this prober in the registry; empty: made of the host's name")
    interval: Seconds = option("5s", "time between two probes of a node, give or take a fifth")
    retry_interval: Seconds = option("1s", "the same after a probe with another result")
    timeout: Seconds = option("1s", "time for a node to be connected and to answer")
    failures: int = option("3", "a node that fails so many probes in a row is not reached")
    successes: int = option("2", "a node that answers so many in a row is reached again")
    max_concurrent: int = option("64", "maximum number of probes at a time")
    max_nodes: int = option("10000", "maximum number of addresses that are probed")
    max_named: int = option("100", "maximum number of nodes of one service in the report")
    report_interval: Seconds = option(
        "2s",
        "shortest time between two writes of the report; it doubles while there are changes, "
        "up to sixteen times this",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find values with which nothing would be probed, or reported.
        """
        if not self.services:
            yield "services", "expected names of services, or *; got none"
        for name in (*self.services, self.name):
            problem = text_problem(name)
            if problem:
                yield "name" if name is self.name else "services", problem
        if sum(len(name.encode()) for name in self.services) > _MAX_NAMES_SHARE * MAX_REPORT_BYTES:
            yield "services", "these are too many names for a report: write *"
        for name in ("interval", "retry_interval", "timeout", "report_interval"):
            if getattr(self, name) <= 0:
                yield name, f"must be more than 0s, not {getattr(self, name):g}s"
        counts = ("failures", "successes", "max_concurrent", "max_nodes", "max_named")
        yield from below_minimum(self, dict.fromkeys(counts, 1))
