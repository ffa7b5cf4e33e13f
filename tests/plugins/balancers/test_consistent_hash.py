"""
Consistent hash: calls with the same key go to the same node.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.call_key import CallKey
from rpcfw.testing.candidates import a_call, candidate, candidates
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_balancers.consistent_hash import ConsistentHash, ConsistentHashOptions


def options(key="metadata user", virtual_nodes=100, extra_load=0.25) -> ConsistentHashOptions:
    return ConsistentHashOptions(
        key=CallKey.parse(key), virtual_nodes=virtual_nodes, extra_load=extra_load
    )


def balancer(**given) -> ConsistentHash:
    return ConsistentHash(options(**given), plugin_context(random=Random(0)))


class TestConsistentHashContract(BalancerContract):
    """
    Here every call has the same key.
    """

    def make(self):
        return balancer(key="caller", virtual_nodes=10)


class TestConsistentHashWithoutKeyContract(BalancerContract):
    def make(self):
        return balancer(virtual_nodes=10)


USERS = [f"user-{number}" for number in range(2000)]


def by_user(picker, tried=()) -> dict[str, str]:
    """
    Return the node of each user.
    """
    picked = {}
    for user in USERS:
        call = a_call(metadata={"user": user}, tried=tried)
        picked[user] = picker.pick(call).instance.id
    return picked


def test_the_same_key_goes_to_the_same_node():
    """
    Also from another client, to which the nodes were told in another order.
    """
    given = candidates(a=100, b=100, c=100)
    first = by_user(balancer().picker(given))
    other = by_user(balancer().picker(given[::-1]))

    assert first == other == by_user(balancer().picker(given))
    assert {"a", "b", "c"} == set(first.values())


def test_a_node_that_leaves():
    """
    Of ten nodes one leaves: its keys move, at most 15 % of all, and no others.
    """
    given = candidates(**{f"n{number}": 100 for number in range(10)})
    made = balancer()
    before, after = by_user(made.picker(given)), by_user(made.picker(given[1:]))
    moved = [user for user in USERS if before[user] != after[user]]

    assert {"n0"} == {before[user] for user in moved}
    assert len(moved) <= 0.15 * len(USERS)


def test_weights():
    """
    A node of half the weight has about half the keys.
    """
    given = candidates(a=100, b=100, c=50)
    counts = Counter(by_user(balancer(virtual_nodes=500).picker(given)).values())

    assert 0.15 < counts["c"] / len(USERS) < 0.25


def test_a_key_that_everybody_asks_for():
    """
    Calls with one key in flight are spread: none of the nodes has more than the bound.
    """
    given = candidates(a=100, b=100, c=100, d=100)
    picker = balancer().picker(given)
    call = a_call(metadata={"user": "celebrity"})
    for _ in range(100):
        picker.pick(call).in_flight += 1

    assert max(one.in_flight for one in given) <= 32
    assert min(one.in_flight for one in given) < 25


def test_the_bound_follows_weights():
    """
    A node of three times the weight may have three times as much in flight.
    """
    given = candidates(a=300, b=100)
    picker = balancer().picker(given)
    call = a_call(metadata={"user": "celebrity"})
    for _ in range(100):
        picker.pick(call).in_flight += 1

    assert given[0].in_flight <= 95
    assert given[1].in_flight <= 32


def test_a_retry_goes_to_the_next_on_the_ring():
    """
    The second choice of a key is always the same too.
    """
    given = candidates(a=100, b=100, c=100)
    picker = balancer().picker(given)
    first = by_user(picker, tried=given[:1])

    assert first == by_user(balancer().picker(given), tried=given[:1])
    assert {"b", "c"} == set(first.values())


def test_argument_and_caller():
    """
    The key may be a value of the request, or the calling application.
    """
    given = candidates(a=100, b=100, c=100, d=100)
    picker = balancer(key="argument id").picker(given)
    picked = {picker.pick(a_call(request={"id": number})).instance.id for number in range(50)}
    assert {"a", "b", "c", "d"} == picked
    assert 1 == len({picker.pick(a_call(request={"id": 7})) for _ in range(50)})

    picker = balancer(key="caller").picker(given)
    picked = {picker.pick(a_call(caller=f"app-{number}")).instance.id for number in range(50)}
    assert {"a", "b", "c", "d"} == picked


def test_a_call_without_the_key():
    """
    It goes to any node, by weight.
    """
    picker = balancer().picker([candidate("a", 100), candidate("b", 300)])
    counts = Counter(picker.pick(a_call()).instance.id for _ in range(4000))

    assert 2.5 < counts["b"] / counts["a"] < 3.5


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("virtual_nodes", "0", "must be from 1 to 1000, not 0"),
        ("virtual_nodes", "1001", "must be from 1 to 1000, not 1001"),
        ("key", "cookie", "argument PATH"),
    ],
)
def test_what_is_refused(name, text, reason):
    """
    A ring without points, or too large, and a key that names nothing are refused.
    """
    with pytest.raises(SettingsError, match=reason):
        options_of(ConsistentHashOptions, **{"key": "caller", name: text})
