"""
Calls, errors and times of services, added up over the processes that serve them.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define

from rpcfw.console.seen_process import MethodRate, SeenProcess

__all__ = ["Load", "load_in", "loads_of"]


@define
class Load:
    """
    The calls of one service, or of one of its methods.

    Percentiles of several processes cannot be added: the slowest one counts.

    Args:
        processes: that serve it and were asked.
        known: whether they were asked twice, so that there are rates.
    """

    name: str
    processes: int = 0
    known: bool = False
    calls_per_s: float = 0.0
    failures_per_s: float = 0.0
    in_flight: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None

    @property
    def failing(self) -> float | None:
        """
        The share of the calls that fail; None if there are none.
        """
        return self.failures_per_s / self.calls_per_s if self.calls_per_s else None

    def add(self, rate: MethodRate) -> None:
        """
        Add a method of a process.
        """
        of = rate.of
        self.known = self.known or rate.calls_per_s is not None
        self.calls_per_s += rate.calls_per_s or 0.0
        self.failures_per_s += rate.failures_per_s or 0.0
        self.in_flight += of.in_flight
        self.p50_ms = _larger(self.p50_ms, rate.p50_ms)
        self.p99_ms = _larger(self.p99_ms, rate.p99_ms)


def _larger(one: float | None, other: float | None) -> float | None:
    known = [each for each in (one, other) if each is not None]
    return max(known, default=None)


def loads_of(processes: Iterable[SeenProcess], service: str = "") -> list[Load]:
    """
    Return the load of each service; of each method, if a service is named.
    """
    found: dict[str, Load] = {}
    for process in processes:
        names = set()
        for rate in process.rates:
            of = rate.of
            if of.side != "server" or (service and of.service != service):
                continue
            name = of.method if service else of.service
            found.setdefault(name, Load(name)).add(rate)
            names.add(name)
        for name in names:
            found[name].processes += 1
    return sorted(found.values(), key=lambda one: (-one.calls_per_s, one.name))


def load_in(process: SeenProcess | None, service: str) -> Load | None:
    """
    Return the load of one service in one process; None if it is not known.
    """
    if process is None:
        return None
    rates = [each for each in process.rates if each.of.service == service]
    served = [each for each in rates if each.of.side == "server"]
    load = Load(service, 1)
    for each in served:
        load.add(each)
    return load if served else None
