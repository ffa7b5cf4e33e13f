"""
Calls that wait for a node to be connected, while others are connected already.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import CallError
from tests.lab.services import Greeter

NEVER = ("retry.plugin=never",)


def silent(lab, count):
    """
    Serve nodes whose hosts answer nothing, not even an attempt to connect.
    """
    for number in range(count):
        lab.cut_off(lab.serve(Greeter("silent"), name=f"silent-{number}"))


def began(lab, client, count):
    """
    Begin so many calls, a millisecond apart.
    """
    calls = []
    for _ in range(count):
        calls.append(lab.begin(client.who()))
        lab.advance(0.001)
    return calls


@pytest.mark.parametrize("balancer", ["weighted_random", "p2c"])
def test_calls_move_to_a_node_that_is_connected(lab, balancer):
    """
    The first calls of a client lose a moment to silent hosts, and none fails; without retries.
    """
    silent(lab, 9)
    lab.serve(Greeter("a"), name="a")
    sets = (*NEVER, f"balancer.plugin={balancer}")
    client = lab.consumer(*sets).application.client(Greeter)
    calls = began(lab, client, 100)
    lab.advance(1)

    assert ["a"] * 100 == [call.value for call in calls if call.done]


def test_nobody_is_connected(lab):
    """
    While no node is connected, calls wait; they go to the first one that is.
    """
    silent(lab, 2)
    late = lab.serve(Greeter("late"), name="late")
    lab.cut_off(late)
    client = lab.consumer(*NEVER).application.client(Greeter)
    calls = began(lab, client, 30)
    lab.advance(1)
    assert not any(call.done for call in calls)

    lab.reconnect(late)
    lab.advance(1)
    assert ["late"] * 30 == [call.value for call in calls if call.done]


def test_a_call_for_each_node_stays(lab):
    """
    An attempt that no other node may make waits for its own: a broadcast says who is missing.
    """
    silent(lab, 1)
    lab.serve(Greeter("a"), name="a")
    sets = "attempts.plugin=broadcast", "client.timeout=2s"
    client = lab.consumer(*sets).application.client(Greeter)
    call = lab.begin(client.who())
    lab.advance(1)
    assert not call.done

    with pytest.raises(CallError, match="silent-0"):
        lab.finish(call)
