"""
Peak EWMA: what a node is known to cost after failures and probes.
"""

from __future__ import annotations

from rpcfw.status import Status
from rpcfw.values.outcome import Outcome
from rpcfw_balancers.peak_ewma import PeakEWMA

DECAY_S, FAILURE_S = 10.0, 3.0
GOOD, BAD = Outcome(Status.OK, 0.01), Outcome(Status.UNAVAILABLE, 0.001)


def failed_for_long() -> PeakEWMA:
    state = PeakEWMA()
    for tenth in range(600):
        state.add(BAD, tenth / 10, DECAY_S)
    return state


def cost_after(*probes: Outcome) -> float:
    """
    Return what a node costs that failed everything, and then got probes, one a second.
    """
    state = failed_for_long()
    for number, outcome in enumerate(probes):
        state.probed = True
        state.add(outcome, 61.0 + number, DECAY_S)
    return state.cost_s(60.0 + len(probes), DECAY_S, FAILURE_S)


def test_a_node_that_fails_costs_a_failure():
    """
    Each attempt of a node that fails everything costs what a failed attempt counts as.
    """
    assert 2.9 < cost_after() < 3.0


def test_recovery_takes_some_probes():
    """
    One good probe after many failures is not believed; four of them are.
    """
    assert cost_after(GOOD) > 0.7
    assert cost_after(GOOD, GOOD, GOOD, GOOD) < 0.025


def test_every_second_probe_succeeds():
    """
    A node that fails half of its probes stays expensive.
    """
    for number in range(1, 10):
        assert cost_after(*[BAD, GOOD] * number) > 0.5


def test_a_probe_replaces_the_latency():
    """
    One fast answer is enough for a node that was slow.
    """
    state = PeakEWMA()
    state.add(Outcome(Status.OK, 2.0), 1.0, DECAY_S)
    state.probed = True
    state.add(GOOD, 2.0, DECAY_S)

    assert 0.01 == state.cost_s(2.0, DECAY_S, FAILURE_S)
