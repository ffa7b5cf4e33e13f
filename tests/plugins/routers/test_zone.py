"""
Own zone first.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.node_health import NodeHealth
from rpcfw_routers.zone import ZoneRouter


def router(**options: str) -> ZoneRouter:
    options.setdefault("zone", "east")
    return ZoneRouter(options_of(ZoneRouter.Options, **options), plugin_context())


def zones(**counts: int) -> list:
    """
    Return so many candidates in each zone.
    """
    return [
        candidate(f"{zone}{number}", zone=zone)
        for zone, count in counts.items()
        for number in range(count)
    ]


def routed(given, **options: str) -> set[str]:
    """
    Return the zones of those that are left.
    """
    return {one.instance.zone for one in router(**options).narrow(a_call(), given)}


class TestZoneContract(RouterContract):
    def make(self):
        return router()


class TestForcedZoneContract(RouterContract):
    def make(self):
        return router(zone="west", neighbors="north", force="yes", min_share="50%")


def test_own_zone_first():
    """
    A call stays in its own zone.
    """
    assert {"east"} == routed(zones(west=3, east=1, north=2))


def test_nobody_at_home():
    """
    A zone without instances of its own calls all others.
    """
    assert {"west", "north"} == routed(zones(west=3, north=2))


@pytest.mark.parametrize(("east", "left"), [(9, {"east", "west"}), (10, {"east"}), (11, {"east"})])
def test_a_weak_zone_spills_over(east, left):
    """
    Below the least share of all instances, calls go to all zones, our own among them.
    """
    assert left == routed(zones(east=east, west=100 - east))


def test_the_least_share_is_an_option():
    """
    How weak is too weak is for the user to say.
    """
    assert {"east", "west"} == routed(zones(east=2, west=3), min_share="50%")
    assert {"east"} == routed(zones(east=1, west=999), min_share="0%")
    # Exactly the share is enough, though as floats 0.55 x 20 is more than 11.
    assert {"east"} == routed(zones(east=11, west=9), min_share="55%")


def test_drained_instances_do_not_count():
    """
    A zone that has only drained instances is too weak.
    """
    given = [candidate("a", weight=0, zone="east"), *zones(west=1)]

    assert {"east", "west"} == routed(given)
    assert {"east", "west"} == routed(given, min_share="0%")


def test_drained_instances_elsewhere_do_not_count():
    """
    Drained instances of other zones do not make ours look weak.
    """
    given = [candidate(f"w{n}", weight=0, zone="west") for n in range(99)]

    assert {"east"} == routed([*given, *zones(east=1)])


def test_unreachable_instances_do_not_count():
    """
    A zone whose instances cannot be connected to is too weak, and theirs elsewhere change nothing.
    """
    east = [candidate(f"e{n}", zone="east", reachable=n == 0) for n in range(20)]
    west = [candidate(f"w{n}", zone="west", reachable=False) for n in range(99)]

    assert {"east", "west"} == routed([*east, *zones(west=20)])
    assert {"east"} == routed([*zones(east=1), *west])


def test_sub_healthy_instances_do_not_count():
    """
    A zone whose instances are sub-healthy is too weak, and theirs elsewhere change nothing.
    """
    east, west = zones(east=20), zones(west=99)
    for one in (*east[1:], *west):
        one.health = NodeHealth.SUB_HEALTHY

    assert {"east", "west"} == routed([*east, *zones(west=20)])
    assert {"east"} == routed([*zones(east=1), *west])


def test_neighbors_first():
    """
    A weak zone takes its neighbors to help, no more of them than it needs, in their order.
    """
    given = zones(east=1, west=8, north=8, south=100)

    assert {"east", "west", "north"} == routed(given, neighbors="west, north")
    assert {"east", "west"} == routed(given, neighbors="west, north", min_share="5%")
    assert {"east", "west", "north", "south"} == routed(given, neighbors="west", min_share="20%")


def test_force_stays_near():
    """
    With ``force``, calls go to no zone but ours and its neighbors.
    """
    assert {"east"} == routed(zones(east=1, west=99), force="yes")
    assert {"east", "north"} == routed(
        zones(east=1, north=1, west=99), force="yes", neighbors="north"
    )
    assert set() == routed(zones(west=99), force="yes")


def test_neighbors_of_nobody():
    """
    Neighbors without a zone are a mistake.
    """
    with pytest.raises(SettingsError, match="set zone too"):
        options_of(ZoneRouter.Options, zone="", neighbors="west")


def test_unknown_zone_of_ours():
    """
    A process that does not know its zone calls everybody.
    """
    assert {"", "west"} == routed([candidate("a"), *zones(west=1)], zone="")


def test_the_zone_must_be_said():
    """
    Whoever chooses this router has to name a zone.
    """
    with pytest.raises(SettingsError, match="zone"):
        options_of(ZoneRouter.Options)
