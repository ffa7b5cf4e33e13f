"""
What a limit is for: the keys of limiters.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Overloaded
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_limiters.token_bucket import TokenBucket, TokenBucketOptions


async def rest(call):
    return b""


def bucket(*per, max_keys=100, burst=1):
    options = TokenBucketOptions(
        per=per, max_keys=max_keys, retry_after=0.1, rate=0.001, burst=burst
    )
    return TokenBucket(options, plugin_context())


class Once:
    """
    A limiter that lets one call of each key pass.
    """

    def __init__(self, *per, max_keys=100):
        self.use(bucket(*per, max_keys=max_keys))

    def use(self, limiter):
        self.limiter = limiter
        self.step = limiter.bind(rest)

    def passes(self, **fields):
        call = a_call()
        for name, value in fields.items():
            setattr(call, name, value)
        try:
            self.step(call).send(None)
        except StopIteration:
            return True
        except Overloaded:
            return False
        raise AssertionError("a limiter never waits")


@pytest.mark.parametrize(
    ("peer", "same", "other"),
    [
        ("10.0.0.1:5000", "10.0.0.1:5001", "10.0.0.2:5000"),
        ("[2001:db8::1]:5000", "[2001:db8::2]:6000", "[2001:db8:0:1::1]:5000"),
        ("a local peer", "a local peer", "10.0.0.1:5000"),
    ],
)
def test_an_address_has_no_port(peer, same, other):
    """
    All connections from one host share its limit, as do those from one /64 of IPv6.
    """
    once = Once("address")
    assert once.passes(peer=peer)
    assert not once.passes(peer=same)
    assert once.passes(peer=other)


def test_pairs():
    """
    With several parts, each combination has a limit of its own.
    """
    once = Once("method", "caller")
    assert [True, True, False] == [once.passes(caller=name) for name in ("a", "b", "a")]


def test_one_for_all():
    """
    Without a part all calls share one limit.
    """
    once = Once()
    assert [True, False] == [once.passes(caller=name) for name in ("a", "b")]


def test_long_names():
    """
    A long name takes no more memory than its first hundred characters.
    """
    once = Once("caller")
    assert once.passes(caller="x" * 100)
    assert not once.passes(caller="x" * 16_000)


def test_further_keys_share_one_limit():
    """
    When there are as many limits as may be, further keys together have one.
    """
    once = Once("caller", max_keys=3)
    assert [True] * 4 == [once.passes(caller=name) for name in "abcd"]
    assert [False] * 4 == [once.passes(caller=name) for name in "efgh"]


def test_a_replacement_that_is_dropped():
    """
    A limiter that took over, and was not used then, has changed nothing.
    """
    once = Once("caller")
    other = bucket("caller", burst=10)
    other.take_over(once.limiter)
    assert [True, False] == [once.passes(caller="a") for _ in range(2)]


def test_replaced_again_before_a_call():
    """
    The limits outlast two replacements between two calls.
    """
    once = Once("caller")
    assert once.passes(caller="a")
    for _ in range(2):
        after = bucket("caller")
        after.take_over(once.limiter)
        once.use(after)
    assert [False, True] == [once.passes(caller=name) for name in "ab"]


def test_replaced_with_other_keys():
    """
    With keys of another kind, all begin with a new limit.
    """
    once = Once("caller")
    assert once.passes(caller="a")
    after = bucket("method")
    after.take_over(once.limiter)
    once.use(after)
    assert once.passes(caller="a")
