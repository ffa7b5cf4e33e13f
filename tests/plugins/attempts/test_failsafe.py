"""
Failures that are hidden from the caller.
"""

from __future__ import annotations

from attrs import evolve
from google.protobuf.empty_pb2 import Empty

from rpcfw.errors import ApplicationError, Unavailable
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.status import Status
from rpcfw.testing.contracts.attempts import AttemptStrategyContract, Fleet, a_timed_call
from rpcfw_attempts.failsafe import Failsafe


class TestFailsafe(AttemptStrategyContract):
    hides_failures = True

    def make(self, plugin_context):
        return Failsafe(NoOptions(), plugin_context)

    def test_the_caller_gets_nothing(self):
        """
        Whatever the failure is, the caller gets None, and it is counted.
        """
        context = self.context()
        for end in (
            lambda call: ApplicationError(Status.NOT_FOUND, "no such thing"),
            lambda call: Unavailable("gone"),
            lambda call: Waiter(),
        ):
            assert self.end_of(Fleet(end), a_timed_call(), context) is None
        ((labels, counter),) = context.meter.counter(
            "rpcfw_client_failures_hidden_total", "", "service", "method"
        )
        assert (("demo.Greeter", "say"), 3) == (labels, counter.value)

    def test_an_empty_message(self):
        """
        A method that answers with protobuf's messages gives an empty one.
        """
        call = a_timed_call()
        call.method = evolve(call.method, response_type=Empty)
        assert Empty() == self.end_of(Fleet(lambda call: Unavailable("gone")), call)

    def test_it_retries_before(self):
        """
        A failure is hidden when the retry policy allows no further attempt.
        """
        fleet = Fleet(lambda call: Unavailable("gone"))
        self.end_of(fleet, a_timed_call())
        assert 6 == len(fleet.attempts)
