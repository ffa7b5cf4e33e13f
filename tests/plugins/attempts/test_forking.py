"""
Several nodes at once.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ApplicationError, NoInstances, SettingsError, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.status import Status
from rpcfw.testing.contracts.attempts import (
    AttemptStrategyContract,
    Fleet,
    a_timed_call,
    result_of,
)
from rpcfw_attempts.forking import Forking, ForkingOptions


class TestForking(AttemptStrategyContract):
    def make(self, plugin_context, **texts):
        return Forking(options_of(ForkingOptions, **texts), plugin_context)

    def test_the_first_answer_wins(self):
        """
        Two nodes are asked at once; the other one is cancelled.
        """
        waiting = {}

        def end(call):
            return waiting.setdefault(call.peer, Waiter())

        fleet = Fleet(end)
        running = self.begin(fleet, a_timed_call(), self.context())
        assert ["a", "b"] == list(waiting)
        waiting["b"].callback("from b")
        assert "from b" == result_of(running)
        assert 0 == fleet.under_way

    def test_one_failure_is_none(self):
        """
        A node that fails does not matter if the other one answers.
        """
        fleet = Fleet(lambda call: Unavailable() if call.peer == "a" else "good")
        assert "good" == self.end_of(fleet, a_timed_call())

    def test_an_answer_of_the_method(self):
        """
        An error that the method itself raised ends the call.
        """
        error = ApplicationError(Status.NOT_FOUND, "no such thing")
        fleet = Fleet(lambda call: error if call.peer == "a" else Waiter())
        assert error is self.end_of(fleet, a_timed_call())
        assert 0 == fleet.under_way

    def test_not_idempotent(self):
        """
        A method that is not idempotent is called once.
        """
        fleet = Fleet(lambda call: "good")
        self.end_of(fleet, a_timed_call(idempotent=False))
        assert 1 == len(fleet.attempts)

    def test_no_nodes(self):
        """
        Without nodes the call fails as one without forks.
        """
        error = NoInstances("none is known")
        assert error is self.end_of(Fleet(lambda call: error), a_timed_call())


class TestMoreForksThanNodes(TestForking):
    def make(self, plugin_context):
        return super().make(plugin_context, forks="5")

    def test_the_first_answer_wins(self):
        """
        Each of the three nodes is asked once, and no more attempts begin when none is left.
        """
        fleet, call = Fleet(lambda call: Waiter()), a_timed_call()
        running = self.begin(fleet, call, self.context())
        assert ["a", "b", "c"] == [attempt.peer for attempt in fleet.attempts]
        assert 4 == call.attempt
        running.cancel()
        result_of(running)

    def test_one_failure_is_none(self):
        """
        If all nodes fail, the error is one of theirs, and not that there are too few.
        """
        fleet = Fleet(lambda call: Unavailable(call.peer))
        assert self.end_of(fleet, a_timed_call()).message in "abc"


def test_options_that_mean_nothing():
    """
    One fork is none.
    """
    with pytest.raises(SettingsError, match="forks: must be at least 2"):
        options_of(ForkingOptions, forks="1")
