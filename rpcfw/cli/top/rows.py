"""
What is in the table: a row for each service, or for each instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import asdict, frozen

from rpcfw.console.admin_ports import AdminPorts
from rpcfw.console.fleet import Fleet
from rpcfw.console.load import Load, load_in, loads_of

__all__ = ["SORTS", "Look", "Row", "look_of", "sorted_rows"]


@frozen
class Row:
    """
    A service, or an instance of it. What nobody says is None.

    Args:
        instances: how many; of an instance: 1.
    """

    service: str
    address: str
    instances: int
    calls_per_s: float | None = None
    errors_per_s: float | None = None
    in_flight: int | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None


@frozen
class Look:
    """
    One look at the fleet.

    Args:
        processes: whose admin ports are known.
        silent: those that did not answer, with the reason.
        trouble: why the lists of the registry may be old.
    """

    services: Sequence[Row]
    instances: Sequence[Row]
    processes: int
    silent: Mapping[str, str]
    trouble: str

    def as_dict(self) -> dict[str, Any]:
        """
        Return what a program reads.
        """
        return {
            "services": [_without(asdict(each), "address") for each in self.services],
            "instances": [_without(asdict(each), "instances") for each in self.instances],
            "processes": self.processes,
            "silent": dict(self.silent),
            "trouble": self.trouble,
        }


def _without(record: dict[str, Any], name: str) -> dict[str, Any]:
    del record[name]
    return record


#: By what the rows can be ordered: the largest first, but for the name.
SORTS: Mapping[str, Callable[[Row], Any]] = {
    "calls": lambda row: -(row.calls_per_s or 0.0),
    "errors": lambda row: -(row.errors_per_s or 0.0),
    "in-flight": lambda row: -(row.in_flight or 0),
    "p99": lambda row: -(row.p99_ms or 0.0),
    "name": lambda row: row.service,
}


def sorted_rows(rows: Sequence[Row], sort: str) -> list[Row]:
    """
    Return the rows in an order; those that are equal by their names.
    """
    first = SORTS[sort]
    return sorted(rows, key=lambda row: (first(row), row.service, row.address))


def look_of(fleet: Fleet, ports: AdminPorts, only: str = "") -> Look:
    """
    Return what is known now.

    Args:
        only: a part of the name of a service; others are left out.
    """
    loads = {each.name: each for each in loads_of(ports.processes)}
    known = [each for each in fleet.services() if only.lower() in each.name.lower()]
    return Look(
        [_row(each.name, "", len(each.instances), loads.get(each.name)) for each in known],
        [
            _row(each.name, str(one.address), 1, load_in(ports.process_of(one), each.name))
            for each in known
            for one in each.instances
        ],
        len(ports.processes),
        {str(each.address): each.error for each in ports.processes if each.error},
        fleet.trouble,
    )


def _row(service: str, address: str, instances: int, load: Load | None) -> Row:
    if load is None:
        return Row(service, address, instances)
    calls, errors = (load.calls_per_s, load.failures_per_s) if load.known else (None, None)
    return Row(service, address, instances, calls, errors, load.in_flight, load.p50_ms, load.p99_ms)
