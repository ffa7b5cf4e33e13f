"""
What may happen to registry servers and their bus, and the figures of a run with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from attrs import define, field

from tests.real.bus_fleet.fleet import NODES, BusFleet

__all__ = ["FAULTS", "Figures", "run"]


@define
class Figures:
    """
    The figures of one fault.

    Args:
        failed: calls that failed.
        agreed_s: from the end of the fault until all servers list what is alive.
    """

    calls: int
    failed: int
    agreed_s: float
    statuses: dict[str, int] = field(factory=dict)
    errors: list[str] = field(factory=list)


def _node_killed(fleet: BusFleet, lasts_s: float) -> None:
    fleet.nodes[0].kill()
    _replace_a_provider(fleet)
    time.sleep(lasts_s)
    fleet.nodes[0] = fleet.start_node(0)


def _node_frozen(fleet: BusFleet, lasts_s: float) -> None:
    fleet.nodes[1].freeze()
    _replace_a_provider(fleet)
    time.sleep(lasts_s)
    fleet.nodes[1].thaw()


def _bus_away(fleet: BusFleet, lasts_s: float) -> None:
    fleet.bus.kill()
    _replace_a_provider(fleet)
    time.sleep(lasts_s)
    fleet.bus.serve()


def _bus_restarted(fleet: BusFleet, lasts_s: float) -> None:
    fleet.bus.kill()
    fleet.bus.serve()
    _replace_a_provider(fleet)
    time.sleep(lasts_s)


def _nodes_restarted(fleet: BusFleet, lasts_s: float) -> None:
    for number in range(NODES):
        fleet.restart_node(number)
        time.sleep(lasts_s / NODES)
    _replace_a_provider(fleet)


def _all_restarted(fleet: BusFleet, lasts_s: float) -> None:
    for node in fleet.nodes:
        node.kill()
    time.sleep(lasts_s)
    fleet.nodes[:] = [fleet.start_node(number) for number in range(NODES)]


def _replace_a_provider(fleet: BusFleet) -> None:
    """
    Change something, so that there is something to miss.
    """
    fleet.start_provider()
    time.sleep(0.5)
    fleet.stop_provider()


FAULTS: dict[str, Callable[[BusFleet, float], None]] = {
    "node-killed": _node_killed,
    "node-frozen": _node_frozen,
    "bus-away": _bus_away,
    "bus-restarted": _bus_restarted,
    "nodes-restarted": _nodes_restarted,
    "all-restarted": _all_restarted,
}


def run(fault: str, bus: str, lasts_s: float, consumers: int, rate: int) -> Figures:
    """
    Return the figures of a run.
    """
    with BusFleet(bus, consumers, rate) as fleet:
        fleet.agreed_s()
        time.sleep(1.0)
        FAULTS[fault](fleet, lasts_s)
        agreed_s = fleet.agreed_s()
        time.sleep(2.0)
        calls = fleet.end_calls()
    failed = [one for one in calls if one.status]
    return Figures(
        len(calls),
        len(failed),
        round(agreed_s, 2),
        dict(Counter(one.status for one in failed)),
        [text for text, _ in Counter(one.error for one in failed).most_common(5)],
    )
