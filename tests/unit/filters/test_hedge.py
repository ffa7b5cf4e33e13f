"""
Hedged calls: who runs, who wins, and who is called off.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import ApplicationError, CallError, NoInstances, Rejected, error_from_status
from rpcfw.filters.attempts import Attempts
from rpcfw.filters.hedge import Hedge
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Method, Shape
from rpcfw.values.service_config import Hedging, MethodConfig, ServiceConfig
from rpcfw_retries.never import NeverRetry

GET = Method("a.B", "Get", Shape.UNARY, str, str, "json")
LIST = Method("a.B", "List", Shape.SERVER_STREAM, str, str, "json")
PUT = Method("a.C", "Put", Shape.UNARY, str, str, "json")


class HedgeTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.attempts: list[tuple[Call, Waiter[Any]]] = []
        self.called_off = 0
        self.budget = Budget(0, 0)

    def hedge(self, method: Method = GET, **rule: Any) -> Any:
        """
        Begin a call and return its Deferred.
        """
        hedging = Hedging(**{"max_attempts": 3, "delay_s": 1.0, **rule})
        config = ServiceConfig({("a.B", ""): MethodConfig(hedging=hedging)})
        around = plugin_context(self.clock)
        policy = NeverRetry(NoOptions(), around)
        plain = Attempts(None, {}, policy, around)
        step = Hedge(config, self.budget, around, plain, plain).bind(self.attempt)
        self.call = Call(method, "question")
        return spawn(step(self.call))

    async def attempt(self, call: Call) -> Any:
        node = f"node {len(self.attempts)}"
        waiter: Waiter[Any] = Waiter()
        self.attempts.append((call, waiter))
        call.peer = node
        call.tried += (node,)
        try:
            return await waiter
        except CANCELLED:
            self.called_off += 1
            raise

    def answer(self, number: int, response: str = "answer") -> None:
        self.attempts[number][1].callback(response)

    def refuse(self, number: int, status: Status, **more: Any) -> None:
        self.attempts[number][1].errback(error_from_status(status, "no", **more))

    def failed(self, running: Any) -> CallError:
        error: CallError = self.failureResultOf(running, CallError).value
        return error

    def test_a_quick_answer_needs_no_hedge(self) -> None:
        """
        Within the delay there is one attempt, and nothing is left with the clock.
        """
        running = self.hedge()
        self.answer(0)

        assert "answer" == self.successResultOf(running)
        assert 1 == len(self.attempts)
        assert [] == self.clock.getDelayedCalls()

    def test_a_slow_one_is_joined_by_others(self) -> None:
        """
        After each delay one more attempt begins, up to the most, each elsewhere.
        """
        running = self.hedge()
        for _ in range(5):
            self.clock.advance(1)

        assert 3 == len(self.attempts)
        assert [1, 2, 3] == [call.attempt for call, _ in self.attempts]
        assert ("node 0", "node 1", "node 2") == self.attempts[2][0].tried
        running.cancel()
        self.failureResultOf(running)

    def test_the_first_answer_wins(self) -> None:
        """
        The call has what its winner has; the others are called off.
        """
        running = self.hedge()
        self.clock.advance(1)
        self.clock.advance(1)
        self.attempts[1][0].trailers = Metadata((("load", "1"),))
        self.answer(1, "second")

        assert "second" == self.successResultOf(running)
        assert 2 == self.called_off
        assert ("node 1", 2) == (self.call.peer, self.call.attempt)
        assert "1" == self.call.trailers.get("load")

    def test_without_a_delay_all_begin_at_once(self) -> None:
        """
        A delay of nothing is a fan-out.
        """
        running = self.hedge(delay_s=0.0)

        assert 3 == len(self.attempts)
        self.answer(2)
        self.successResultOf(running)

    def test_a_fatal_failure_ends_the_race(self) -> None:
        """
        What another attempt would come to as well is told at once.
        """
        running = self.hedge()
        self.clock.advance(1)
        self.refuse(1, Status.INVALID_ARGUMENT)

        assert Status.INVALID_ARGUMENT is self.failed(running).status
        assert 1 == self.called_off

    def test_a_failure_that_is_not_fatal_brings_the_next(self) -> None:
        """
        The next attempt begins at once then; the last failure is the call's.
        """
        running = self.hedge(non_fatal=frozenset((Status.UNAVAILABLE,)))
        self.refuse(0, Status.UNAVAILABLE)
        assert 2 == len(self.attempts)
        self.refuse(1, Status.UNAVAILABLE)
        assert 3 == len(self.attempts)
        self.assertNoResult(running)
        self.attempts[2][1].errback(ApplicationError(Status.UNAVAILABLE, "the last"))

        assert "the last" == self.failed(running).message

    def test_attempts_are_numbered_in_order(self) -> None:
        """
        Whether by delay or after a failure, each attempt has the next number.
        """
        running = self.hedge(max_attempts=5, non_fatal=frozenset((Status.UNAVAILABLE,)))
        for number in range(4):
            self.refuse(number, Status.UNAVAILABLE)

        assert [1, 2, 3, 4, 5] == [call.attempt for call, _ in self.attempts]
        self.refuse(4, Status.UNAVAILABLE)
        assert Status.UNAVAILABLE is self.failed(running).status
        assert 5 == self.call.attempt

    def test_repeats_within_an_attempt_count(self) -> None:
        """
        An attempt that the retry step repeated took two numbers; the next has the third.
        """
        running = self.hedge(non_fatal=frozenset((Status.UNAVAILABLE,)))
        self.attempts[0][0].attempt += 1
        self.refuse(0, Status.UNAVAILABLE)

        assert [2, 3] == [call.attempt for call, _ in self.attempts]
        running.cancel()
        self.failureResultOf(running)

    def test_giving_up_tells_what_was_tried(self) -> None:
        """
        A call that is given up knows how many attempts it made, and where the last went.
        """
        running = self.hedge()
        self.clock.advance(1)
        running.cancel()
        self.failureResultOf(running)

        assert ("node 1", 2) == (self.call.peer, self.call.attempt)

    def test_what_was_not_begun_is_never_fatal(self) -> None:
        """
        A refusal of a server that goes away is no answer; the next follows soon after.
        """
        running = self.hedge()
        self.attempts[0][1].errback(Rejected("leaving"))
        assert 1 == len(self.attempts)
        self.clock.advance(0.015)
        assert 2 == len(self.attempts)
        self.answer(1)
        self.successResultOf(running)

    def test_what_was_never_sent_brings_the_next_at_once(self) -> None:
        """
        An attempt that never left this process costs no time and no token.
        """
        self.budget = Budget(4, 0.1)
        running = self.hedge()
        self.attempts[0][1].errback(NoInstances(""))
        self.attempts[1][1].errback(NoInstances(""))
        assert 3 == len(self.attempts)
        self.answer(2)
        self.successResultOf(running)

    def test_refusals_cost_tokens(self) -> None:
        """
        Servers that refuse are not asked again and again by a client of many calls.
        """
        self.budget = Budget(4, 0.1)
        for _ in range(10):
            running = self.hedge()
            self.attempts[-1][1].errback(Rejected("busy"))
            self.clock.advance(0.015)
            running.cancel()
            self.failureResultOf(running)

        assert 11 == len(self.attempts)

    def test_pushback(self) -> None:
        """
        A server says when the next may begin, or that none may.
        """
        non_fatal = frozenset((Status.UNAVAILABLE,))
        running = self.hedge(non_fatal=non_fatal)
        self.refuse(0, Status.UNAVAILABLE, retry_after_s=5.0)
        self.clock.advance(4)
        assert 1 == len(self.attempts)
        self.clock.advance(1)
        assert 2 == len(self.attempts)
        self.refuse(1, Status.UNAVAILABLE, retry_after_s=-1.0)
        assert 2 == len(self.attempts)
        self.failed(running)

    def test_a_final_word_lets_others_go_on(self) -> None:
        """
        After "never again" nobody starts, and those that run may still win.
        """
        running = self.hedge(non_fatal=frozenset((Status.UNAVAILABLE,)))
        self.clock.advance(1)
        self.refuse(0, Status.UNAVAILABLE, hints=Hint.FINAL)
        self.clock.advance(5)
        assert 2 == len(self.attempts)
        self.answer(1)
        assert "answer" == self.successResultOf(running)

    def test_a_spent_budget_ends_hedging(self) -> None:
        """
        Where most calls fail there are no further attempts, but always a first.
        """
        self.budget = Budget(2, 0.1)
        self.budget.spend()
        running = self.hedge()
        self.clock.advance(5)
        assert 1 == len(self.attempts)
        self.answer(0)
        assert "answer" == self.successResultOf(running)

    def test_giving_up_calls_all_off(self) -> None:
        """
        Whoever cancels the call cancels every attempt of it.
        """
        running = self.hedge()
        self.clock.advance(1)
        running.cancel()
        self.failureResultOf(running)

        assert 2 == self.called_off
        assert [] == self.clock.getDelayedCalls()

    def test_bugs_pass(self) -> None:
        """
        What is no failure of a call is not hidden.
        """
        running = self.hedge()
        self.attempts[0][1].errback(ZeroDivisionError())
        self.failureResultOf(running, ZeroDivisionError)

    def test_others_are_not_hedged(self) -> None:
        """
        Calls that stream, and methods of which the config says nothing, run once.
        """
        for method in (LIST, PUT):
            running = self.hedge(method, delay_s=0.0)
            self.answer(-1)
            self.successResultOf(running)
        assert 2 == len(self.attempts)
