"""
Three providers, 500 calls a second and one fault, with default settings.

Both methods are called in turn: one may be repeated, the other may not. ``FLEET_SECONDS=30``
lets the faults last longer.
"""

from __future__ import annotations

import os

import pytest

from tests.real.failover.together import outcomes
from tests.real.fleet.faults import FAULTS, RECOVERY_S, run
from tests.real.fleet.fleet import RATE
from tests.real.fleet.network import unavailable

SECONDS = float(os.environ.get("FLEET_SECONDS", "5"))
#: One percent of the calls of thirty seconds: a fault is noticed after the same time, however
#: long it lasts.
MAX_FAILED = RATE * 30 // 100


@pytest.fixture(scope="module", name="together")
def _together(request):
    """
    The outcomes of this module's scenarios.
    """
    yield from outcomes(request, 2)


@pytest.fixture
def outcome(request, together):
    """
    What came of the test's own scenario.
    """
    return together(request.node.name)


def frozen_provider():
    """
    A provider's process stands still; its connections stay open.
    """
    return run(FAULTS["frozen"], SECONDS)


def test_frozen_provider(outcome):
    """
    Only calls fail that were sent to it and must not be repeated, until its silence is noticed.
    """
    check(outcome)


def frozen_provider_of_grpc():
    """
    The same, and the calls are made by gRPC.
    """
    return run(FAULTS["frozen"], SECONDS, wire="grpc")


def test_frozen_provider_of_grpc(outcome):
    """
    The promise is the same on both wires.
    """
    check(outcome)


def dropped_packets():
    """
    A provider's packets are dropped, and the registry still receives from it.
    """
    return unavailable() or run(FAULTS["dropped"], SECONDS)


def test_dropped_packets(outcome):
    """
    Only calls fail that were sent to it and must not be repeated, until its silence is noticed.
    """
    if isinstance(outcome, str):
        pytest.skip(outcome)
    check(outcome)


def stranger_that_is_silent():
    """
    A provider's port is taken by somebody who accepts connections and sends nothing.
    """
    return run(FAULTS["stranger-silent"], SECONDS)


def test_stranger_that_is_silent(outcome):
    """
    Only calls fail that were under way on the killed provider and must not be repeated.
    """
    check(outcome)


def stranger_of_another_protocol():
    """
    A provider's port is taken by a server of another protocol.
    """
    return run(FAULTS["stranger-other"], SECONDS)


def test_stranger_of_another_protocol(outcome):
    """
    Only calls fail that were under way on the killed provider and must not be repeated.
    """
    check(outcome)


def dead_instances():
    """
    300 instances are announced that nobody serves.
    """
    return run(FAULTS["dead"], SECONDS)


def test_dead_instances(outcome):
    """
    No call fails because of them.
    """
    assert {} == outcome.statuses, outcome


def dead_instances_at_the_start():
    """
    The consumer starts when they are already announced.
    """
    return run(FAULTS["dead-first"], SECONDS)


def test_dead_instances_at_the_start(outcome):
    """
    Not even its first calls fail.
    """
    assert {} == outcome.statuses, outcome


def dead_hosts_at_the_start():
    """
    The same, and their hosts are gone, too: they do not answer an attempt to connect.
    """
    return unavailable() or run(FAULTS["dead-hosts-first"], SECONDS)


def test_dead_hosts_at_the_start(outcome):
    """
    Not even the first calls fail: they do not wait for hosts that do not answer.
    """
    if isinstance(outcome, str):
        pytest.skip(outcome)
    assert {} == outcome.statuses, outcome


def slow_node_and_p2c():
    """
    A method takes two seconds longer at one of three nodes, and the balancer is p2c.
    """
    return run(FAULTS["slow"], SECONDS, ["balancer.plugin=p2c"])


def test_slow_node_and_p2c(outcome):
    """
    The node loses its share of the calls, so few of them take long, and has it back later.
    """
    check_slow(outcome)


def slow_node_and_adaptive():
    """
    The same, and the balancer is adaptive.
    """
    return run(FAULTS["slow"], SECONDS, ["balancer.plugin=adaptive"])


def test_slow_node_and_adaptive(outcome):
    """
    The node loses its share of the calls, so few of them take long, and has it back later.
    """
    check_slow(outcome)


def check_slow(outcome):
    """
    No call has failed, and the node had less than 5 % of them.
    """
    assert {} == outcome.statuses, outcome
    assert outcome.share < 5, outcome
    assert outcome.p99_ms < 1000, outcome
    check_recovery(outcome)


def check(outcome):
    """
    No idempotent call has failed, and of the others only what may have been begun.
    """
    assert 0 == outcome.failed_idempotent, outcome
    assert 0 == outcome.failed_not_begun, outcome
    assert outcome.failed < MAX_FAILED, outcome
    check_recovery(outcome)


def check_recovery(outcome):
    """
    The node is used again in time.
    """
    assert outcome.used_again_s is not None, outcome
    assert outcome.used_again_s <= RECOVERY_S, outcome
