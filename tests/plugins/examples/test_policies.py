"""
The policies of examples/policies keep what all policies promise, in few lines each.
"""

from __future__ import annotations

import pytest

from examples.policies.fill_up import FillUp
from examples.policies.language import LanguageRouter
from examples.policies.pauses import Pauses
from examples.policies.quota import Quota
from rpcfw.errors import NoInstances, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.balancer import BalancerContract
from rpcfw.testing.contracts.limiter import LimiterContract
from rpcfw.testing.contracts.retry import RetryPolicyContract
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from tests.house.tree import ROOT


def made(plugin, **options):
    return plugin(options_of(plugin.Options, **options), plugin_context())


class TestLanguageContract(RouterContract):
    def make(self):
        return made(LanguageRouter)


class TestFillUpContract(BalancerContract):
    def make(self):
        return made(FillUp)


class TestPausesContract(RetryPolicyContract):
    def make(self):
        return made(Pauses)


class TestQuotaContract(LimiterContract):
    def make(self):
        return made(Quota, calls="50", per="caller", max_keys="100")


@pytest.mark.parametrize("name", ["language", "fill_up", "pauses", "quota"])
def test_each_is_short(name):
    """
    Each policy is a file of 40 lines at most, of which fewer than 30 are code.
    """
    lines = (ROOT / "examples" / "policies" / f"{name}.py").read_text().splitlines()

    assert len(lines) <= 40
    assert len([line for line in lines if line.strip()]) < 30


def test_language():
    """
    A call goes to the instances that serve its language; the others say what they serve.
    """
    english, german = candidate("a"), candidate("b", tags={"languages": "de fr"})
    router, call = made(LanguageRouter), a_call(metadata={"language": "fr"})
    left = router.narrow(call, [english, german])

    assert [german] == left
    assert "it serves en" == router.reasons(call, [english, german], left).of(english)


def test_fill_up():
    """
    The first zone gets calls until it has enough; the drained instance comes last.
    """
    rented, own = candidate("rented", zone="rented"), candidate("own", zone="own")
    drained = candidate("drained", weight=0, zone="own")
    balancer = made(FillUp, zones="own, rented", max_calls="2")
    picker = balancer.picker([rented, drained, own])
    assert picker.pick(a_call()) is own
    own.in_flight = 2
    assert picker.pick(a_call()) is rented
    rented.in_flight = 2
    assert picker.pick(a_call()) is own
    assert picker.pick(a_call(tried=(own, rented))) is drained


def test_pauses():
    """
    The pauses are those of the list, one after the other; then there is no further attempt.
    """
    policy = made(Pauses, pauses="20ms, 100ms")
    delays = [
        policy.delay_s(a_call(idempotent=True, attempt=attempt), Unavailable("lost"))
        for attempt in (1, 2, 3)
    ]
    assert [0.02, 0.1, None] == delays
    assert policy.delay_s(a_call(attempt=1), NoInstances("none")) == 0.02
    # An attempt that was never sent does not count.
    assert policy.delay_s(a_call(attempt=0), NoInstances("none")) == 0.02
    assert policy.delay_s(a_call(attempt=1), Unavailable("lost")) is None


def test_a_quota_that_is_lowered():
    """
    A quota that is replaced by a lower one while it runs lets no further call begin.
    """
    limit = made(Quota, calls="50").limit()
    for _ in range(50):
        assert limit.enter() is None
    limit.use(options_of(Quota.Options, calls="20"))

    assert limit.enter() is not None
