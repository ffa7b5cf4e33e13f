"""
The limiter of rates.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.limiter import LimiterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_limiters.token_bucket import TokenBucket, TokenBucketOptions


def limiter(clock=None, **over):
    fields = {"per": ("caller",), "max_keys": 100, "retry_after": 0.1, "rate": 10.0, "burst": 5}
    return TokenBucket(TokenBucketOptions(**{**fields, **over}), plugin_context(clock))


def admitted(limit, tries=100):
    return [limit.enter() for _ in range(tries)].count(None)


class TestTokenBucketContract(LimiterContract):
    def make(self):
        return limiter(burst=50)


def test_rate_and_burst():
    """
    After a pause of any length, a burst may begin; then as many as tokens come.
    """
    clock = Clock()
    limit = limiter(clock).limit()
    assert 5 == admitted(limit)
    clock.advance(0.25)
    assert 2 == admitted(limit)
    clock.advance(1000)
    assert 5 == admitted(limit)
    for _ in range(100):
        clock.advance(0.05)
    assert 5 == admitted(limit)


def test_when_to_try_again():
    """
    A refusal says when the next token comes.
    """
    clock = Clock()
    limit = limiter(clock, burst=1).limit()
    assert limit.enter() is None
    assert 0.1 == limit.enter()
    clock.advance(0.075)
    assert 0.025 == pytest.approx(limit.enter())


def test_other_options():
    """
    With another rate the tokens that are spent stay spent.
    """
    clock = Clock()
    before, after = limiter(clock), limiter(clock, rate=100.0)
    limit = before.limit()
    assert 5 == admitted(limit)
    limit.use(after.options)
    assert 0 == admitted(limit)
    clock.advance(0.02)
    assert 2 == admitted(limit)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("rate", "0/s", "must be more than 0/s"),
        ("burst", "0", "must be at least 1, not 0"),
        ("max_keys", "0", "must be at least 1, not 0"),
        ("per", "callers", "caller"),
    ],
)
def test_wrong_options(name, text, message):
    """
    Options that no limiter could be made of are refused, with what is right.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(TokenBucketOptions, **{"rate": "10/s", name: text})
