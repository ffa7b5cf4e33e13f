"""
The fixed limit of calls in flight.
"""

from __future__ import annotations

from rpcfw.status import Status
from rpcfw.testing.contracts.limiter import LimiterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_limiters.concurrency import Concurrency, ConcurrencyOptions


def limiter(**over):
    fields = {"per": ("caller",), "max_keys": 100, "retry_after": 0.1, "max_calls": 5}
    return Concurrency(ConcurrencyOptions(**{**fields, **over}), plugin_context())


class TestConcurrencyContract(LimiterContract):
    def make(self):
        return limiter()


class TestOneLimitContract(LimiterContract):
    """
    With a limit of its own for service and caller together.
    """

    def make(self):
        return limiter(per=("service", "caller"), max_calls=1)


def test_the_limit():
    """
    As many as the limit are in flight, and one more for each that ends.
    """
    limit = limiter().limit()
    assert [None] * 5 + [0.0] == [limit.enter() for _ in range(6)]
    limit.left(0.0, Status.OK)
    assert [None, 0.0] == [limit.enter() for _ in range(2)]


def test_admission_before_decoding():
    """
    A limiter that needs the address only may run before the head is decoded.
    """
    assert not limiter(per=("address",)).needs_head
    assert not limiter(per=()).needs_head
    for per in ("service", "method", "caller"):
        assert limiter(per=(per, "address")).needs_head
