"""
One attempt.
"""

from __future__ import annotations

from rpcfw.errors import NoInstances, Unavailable
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.attempts import AttemptStrategyContract, Fleet, a_timed_call
from rpcfw_attempts.failfast import Failfast


class TestFailfast(AttemptStrategyContract):
    def make(self, plugin_context):
        return Failfast(NoOptions(), plugin_context)

    def test_one_attempt(self):
        """
        There is one attempt, even if it was never sent.
        """
        for error in (Unavailable("lost"), NoInstances("none")):
            fleet = Fleet(lambda call, error=error: error)
            assert error is self.end_of(fleet, a_timed_call())
            assert 1 == len(fleet.attempts)
