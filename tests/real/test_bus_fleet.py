"""
A fleet whose registry servers, or their network, fail: short runs of `tests.real.bus_fleet`.
"""

from __future__ import annotations

import pytest

from tests.real.bus_fleet.faults import run
from tests.real.bus_fleet.fleet import AGREE_S
from tests.real.bus_fleet.lists import Life, longest_gap, longest_gaps
from tests.real.fleet.network import unavailable
from tests.requirements import require_nats

#: A loaded machine is waited for; what is promised is measured by hand.
LOADED = 3
#: A look of the servers, and the way to the consumers.
MISSING_S = 2.0
#: So that a short cut is noticed.
FAST_NODES = ("bus.ping_interval=300ms", "bus.max_reconnect_delay=300ms")
FAST_CLIENTS = ("registry.lease=2s",)


def test_no_call_is_lost_by_a_restart_of_all():
    """
    No call fails, of any method, and all servers agree soon after the fault is over.
    """
    require_nats()
    found = run("all-restarted", "nats", 2.0, 2, 100)
    assert (0, []) == (found.failed, found.errors)
    assert LOADED * AGREE_S > found.agreed_s


def test_no_call_is_lost_by_a_cut():
    """
    The same while the servers are cut into two parts, and providers are replaced in both.

    No provider is missing from a list of its own part for longer than a server needs to learn of
    it from another without the bus.
    """
    require_nats()
    if why := unavailable():
        pytest.skip(why)
    found = run("partitioned", "nats", 4.0, 2, 100, FAST_NODES, FAST_CLIENTS)
    assert (0, []) == (found.failed, found.errors)
    assert LOADED * AGREE_S > found.agreed_s
    assert LOADED * MISSING_S > found.missing_s


def test_how_long_an_address_was_missing():
    """
    The longest time without it counts, from the begin and to the end of what is looked at.
    """
    lists = [(0.0, []), (2.0, ["a"]), (3.0, []), (4.0, ["b"]), (8.0, ["a", "b"]), (9.0, ["b"])]
    assert [2.0, 5.0, 5.0, 7.0] == [longest_gap(lists, "a", 0, end) for end in (3, 8, 14, 16)]
    assert 1.0 == longest_gap(lists, "a", 7.0, 9.5)
    assert 0.0 == longest_gap(lists, "a", 2.5, 2.9)


def test_what_is_missing_on_the_other_side_counts_after_the_cut():
    """
    A list of the own side has to have a provider all the time.
    """
    lists = [(0.0, []), (6.5, ["a"])]
    assert (6.5, 0.0) == longest_gaps([(0, lists)], [Life("a", 0, 0.0)], (1.0, 5.0), 0.0, 9.0)
    assert (1.0, 1.5) == longest_gaps([(1, lists)], [Life("a", 0, 0.0)], (1.0, 5.0), 0.0, 9.0)
