"""
The retry loop as a strategy.
"""

from __future__ import annotations

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.attempts import AttemptStrategyContract
from rpcfw_attempts.failover import Failover, FailoverOptions


class TestFailover(AttemptStrategyContract):
    def make(self, plugin_context):
        return Failover(options_of(FailoverOptions), plugin_context)


def test_options_that_mean_nothing():
    """
    A number below zero is refused.
    """
    assert [("max_unsent", "must be at least 0, not -1")] == list(
        FailoverOptions(max_unsent=-1).problems()
    )
