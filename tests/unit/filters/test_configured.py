"""
Retries and waiting as a service config asks for them.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import CallError, NoInstances, Rejected, error_from_status
from rpcfw.filters.configured import AttemptFilters, ConfiguredRetry, WaitForReady
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.backoff import Backoff
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.method import Method, Shape
from rpcfw.values.service_config import Hedging, MethodConfig, Retrying, ServiceConfig, Throttling

GET = Method("a.B", "Get", Shape.UNARY, str, str, "json")
RETRYING = Retrying(3, Backoff(1.0, 2.0, 10.0, 0.0), frozenset((Status.ABORTED,)))


class Own(RetryPolicy):
    """
    The user's policy: always after seven seconds, but only what was not begun or any if told.
    """

    everything = False
    ended_well = 0

    def delay_s(self, call: Call, error: CallError) -> float | None:
        return 7.0 if self.everything or error.hints & Hint.NOT_BEGUN else None

    def succeeded(self, call: Call) -> None:
        self.ended_well += 1


def make(config: MethodConfig, budget: Budget | None = None) -> tuple[ConfiguredRetry, Own]:
    around = plugin_context()
    own = Own(NoOptions(), around)
    whole = ServiceConfig({("a.B", ""): config})
    return ConfiguredRetry(whole, own, budget or Budget(0, 0), around), own


def delay_s(policy: RetryPolicy, attempt: int, status: Status, **more: Any) -> float | None:
    return policy.delay_s(Call(GET, "", attempt=attempt), error_from_status(status, "", **more))


class TestRetry:
    def test_its_statuses_are_repeated_after_its_backoff(self) -> None:
        """
        The waits grow as the file says, and the attempts are counted with the first.
        """
        policy, _ = make(MethodConfig(retrying=RETRYING))

        assert [1.0, 2.0, None] == [delay_s(policy, n, Status.ABORTED) for n in (1, 2, 3)]

    def test_other_statuses_are_not(self) -> None:
        """
        The user's policy has no say where the file has one.
        """
        policy, own = make(MethodConfig(retrying=RETRYING))
        own.everything = True

        assert delay_s(policy, 1, Status.INTERNAL) is None

    def test_methods_without_a_policy_are_the_users(self) -> None:
        """
        What the file says nothing of stays as it was.
        """
        policy, own = make(MethodConfig(timeout_s=1.0))
        own.everything = True

        assert 7.0 == delay_s(policy, 1, Status.INTERNAL)

    def test_what_was_not_begun_is_the_users_too(self) -> None:
        """
        A refusal is repeated as always, under any policy of the file.
        """
        hedged = MethodConfig(hedging=Hedging(2))
        for config in (MethodConfig(retrying=RETRYING), hedged):
            policy, _ = make(config)
            assert 7.0 == policy.delay_s(Call(GET, "", attempt=1), Rejected(""))
        assert delay_s(make(hedged)[0], 1, Status.ABORTED) is None

    def test_pushback_counts(self) -> None:
        """
        The server's wish takes the place of the backoff; a negative one ends it.
        """
        policy, _ = make(MethodConfig(retrying=RETRYING))

        assert 0.5 == delay_s(policy, 1, Status.ABORTED, retry_after_s=0.5)
        assert delay_s(policy, 1, Status.ABORTED, retry_after_s=-1.0) is None
        assert delay_s(policy, 1, Status.ABORTED, hints=Hint.FINAL) is None

    def test_throttling(self) -> None:
        """
        With half of the tokens gone nothing is repeated, until calls end well again.
        """
        policy, own = make(MethodConfig(retrying=RETRYING), Budget(4, 1))

        assert [1.0, None, None] == [delay_s(policy, 1, Status.ABORTED) for _ in range(3)]
        for _ in range(3):
            policy.succeeded(Call(GET, ""))
        assert 1.0 == delay_s(policy, 1, Status.ABORTED)
        assert 3 == own.ended_well

    def test_what_makes_attempts(self) -> None:
        """
        Without a service config there is the retry alone.
        """
        around = plugin_context()
        own = Own(NoOptions(), around)
        config = ServiceConfig({}, Throttling(10, 0.1))

        assert ["attempts"] == [label for label, _ in AttemptFilters(None, around).around(own)]
        labels = [label for label, _ in AttemptFilters(config, around).around(own)]
        assert ["attempts", "wait for ready"] == labels


class WaitingTest(SynchronousTestCase):
    def begin(self, errors: list[CallError], *, wait: bool = True) -> Any:
        """
        Begin a call whose attempts fail with these, one by one, then succeed.
        """
        self.clock = Clock()

        async def attempt(call: Call) -> str:
            if errors:
                raise errors.pop(0)
            return "answer"

        config = ServiceConfig({("", ""): MethodConfig(wait_for_ready=wait)})
        step = WaitForReady(config, plugin_context(self.clock)).bind(attempt)
        return spawn(step(Call(GET, "")))

    def test_it_waits_for_somebody(self) -> None:
        """
        As long as nothing was sent, it is tried again, and that was no attempt.
        """
        running = self.begin([NoInstances("none yet") for _ in range(20)])
        self.assertNoResult(running)
        self.clock.pump([0.1] * 60)

        assert "answer" == self.successResultOf(running)

    def test_other_failures_pass(self) -> None:
        """
        What somebody answered is the answer.
        """
        for error in (Rejected("leaving"), error_from_status(Status.NOT_FOUND, "")):
            self.failureResultOf(self.begin([error]), CallError)

    def test_only_where_it_is_asked_for(self) -> None:
        """
        Other methods fail at once.
        """
        self.failureResultOf(self.begin([NoInstances("none")], wait=False), NoInstances)

    def test_giving_up_ends_it(self) -> None:
        """
        A cancel reaches the wait.
        """
        running = self.begin([NoInstances("none") for _ in range(9)])
        running.cancel()
        self.failureResultOf(running)
        assert [] == self.clock.getDelayedCalls()
