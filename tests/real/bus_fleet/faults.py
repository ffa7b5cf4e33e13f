"""
What may happen to registry servers and their bus, and the figures of a run with it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from attrs import define, field, frozen

from tests.real.bus_fleet.fleet import NODES, SIDES, BusFleet
from tests.real.bus_fleet.lists import longest_gaps

__all__ = ["FAULTS", "Figures", "run"]


@define
class Figures:
    """
    The figures of one fault.

    Args:
        failed: calls that failed.
        agreed_s: from the end of the fault until all servers have the same, and all consumers
            list what is alive.
        missing_s: the longest time that a provider was missing from a list while it lived, on the
            same side of the network.
        missing_after_s: the same on the other side, counted from the end of the cut.
    """

    calls: int
    failed: int
    agreed_s: float
    missing_s: float
    missing_after_s: float
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


#: So long the old provider runs beside the new one.
_KNOWN_S = 2.0


@frozen
class Cut:
    """
    The network is cut into parts, and providers are replaced on both sides meanwhile.

    Args:
        groups: hosts that reach each other.
        node_sets: settings of the registry servers.
        bus_lost: whether the bus is away meanwhile for a third of the time.
    """

    groups: Sequence[Sequence[str]]
    node_sets: Sequence[str] = ()
    bus_lost: bool = False

    def __call__(self, fleet: BusFleet, lasts_s: float) -> None:
        """
        Cut, change something on each side, and heal.
        """
        fleet.cut(*self.groups)
        ends_at = time.monotonic() + lasts_s
        if self.bus_lost:
            fleet.bus.kill()
        time.sleep(lasts_s / 3)
        self._replace(fleet)
        if self.bus_lost:
            fleet.bus.serve()
        time.sleep(max(0.0, ends_at - time.monotonic()))
        fleet.heal()

    def _replace(self, fleet: BusFleet) -> None:
        fleet.start_providers(*((side, side) for side in range(SIDES)))
        # Without the bus, the servers of one side ask each other every second.
        time.sleep(_KNOWN_S)
        for side in range(SIDES):
            fleet.stop_provider(side)


def _replace_a_provider(fleet: BusFleet) -> None:
    """
    Change something, so that there is something to miss.
    """
    fleet.start_providers((0, 0))
    time.sleep(0.5)
    fleet.stop_provider()


#: Clients reach the registry servers of their side.
_SIDES = (("node-0", "bus", "clients-0"), ("node-1", "node-2", "clients-1"))
_ALONE = (("node-0", "clients-0"), ("node-1", "clients-1"), ("node-2",), ("bus",))
_NODES = (("node-0",), ("node-1",), ("node-2",))
#: Shorter than the cut, and longer than a server needs to notice that its bus is away.
_LOST_SOON = ("node.lost_after=9s", "node.digest_interval=3s")

FAULTS: dict[str, Callable[[BusFleet, float], None]] = {
    "node-killed": _node_killed,
    "node-frozen": _node_frozen,
    "bus-away": _bus_away,
    "bus-restarted": _bus_restarted,
    "nodes-restarted": _nodes_restarted,
    "all-restarted": _all_restarted,
    "partitioned": Cut(_SIDES),
    "partitioned-lost": Cut(_SIDES, _LOST_SOON),
    "partitioned-alone": Cut(_ALONE),
    "partitioned-calls": Cut(_NODES, bus_lost=True),
}


def run(
    fault: str,
    bus: str,
    lasts_s: float,
    consumers: int,
    rate: int,
    node_sets: Sequence[str] = (),
    client_sets: Sequence[str] = (),
) -> Figures:
    """
    Return the figures of a run.

    Args:
        bus: its plugin.
        lasts_s: how long the fault lasts.
        consumers: how many there are.
        rate: calls a second of all of them.
        node_sets: settings of the registry servers.
        client_sets: settings of the providers and consumers.
    """
    begin = FAULTS[fault]
    own_network = isinstance(begin, Cut)
    node_sets = (*node_sets, *(begin.node_sets if own_network else ()))
    with BusFleet(bus, consumers, rate, own_network, node_sets, client_sets) as fleet:
        fleet.agreed_s()
        begins_at = time.monotonic()
        time.sleep(1.0)
        begin(fleet, lasts_s)
        agreed_s = fleet.agreed_s()
        time.sleep(2.0)
        ends_at = time.monotonic()
        calls, lists = fleet.end_calls()
    failed = [one for one in calls if one.status]
    gaps = longest_gaps(lists, fleet.lives, fleet.cut_at, begins_at, ends_at)
    return Figures(
        len(calls),
        len(failed),
        round(agreed_s, 2),
        *(round(each, 2) for each in gaps),
        dict(Counter(one.status for one in failed)),
        [text for text, _ in Counter(one.error for one in failed).most_common(5)],
    )
