"""
What every retry policy promises.
"""

from __future__ import annotations

from abc import abstractmethod
from math import inf

from rpcfw.errors import ApplicationError, CallError, ConnectionLost, NoInstances, Rejected
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call

__all__ = ["RetryPolicyContract"]

_FAILURES = tuple(status for status in Status if status is not Status.OK)


class RetryPolicyContract:
    """
    The tests of a retry policy.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyPolicy(RetryPolicyContract):
            def make(self):
                return MyPolicy(NoOptions(), plugin_context())
    """

    @abstractmethod
    def make(self) -> RetryPolicy:
        """
        Return a new policy that may not retry methods that are not idempotent.
        """

    def test_what_may_have_been_begun(self) -> None:
        """
        What may have been begun is not repeated unless its method is idempotent.
        """
        for status in _FAILURES:
            error = CallError(status=status)

            assert self.make().delay_s(a_call(attempt=1), error) is None
        assert self.make().delay_s(a_call(attempt=1), ConnectionLost()) is None

    def test_a_delay_or_none(self) -> None:
        """
        The answer to every failure is None or a time to wait: finite, not below zero.
        """
        policy = self.make()
        for idempotent in (False, True):
            for attempt in range(60):
                for error in _errors():
                    call = a_call(idempotent=idempotent, attempt=attempt)
                    delay_s = policy.delay_s(call, error)

                    assert delay_s is None or 0 <= delay_s < inf

    def test_text_decides_nothing(self) -> None:
        """
        The text of an error changes nothing.
        """
        for status in _FAILURES:
            for hints in (Hint.NONE, Hint.NOT_BEGUN, Hint.SAFE_TO_REPEAT):
                answers = {
                    self.make().delay_s(
                        a_call(idempotent=True, attempt=1),
                        ApplicationError(status, text, hints=hints),
                    )
                    for text in ("", "UNAVAILABLE", "connection reset by peer, please retry")
                }

                assert len(answers) == 1, answers

    def test_final_is_final(self) -> None:
        """
        What the peer asked not to be called with again is not repeated.
        """
        for idempotent in (False, True):
            for status in _FAILURES:
                call = a_call(idempotent=idempotent, attempt=1)
                error = CallError(status=status, hints=Hint.NOT_BEGUN | Hint.FINAL)

                assert self.make().delay_s(call, error) is None

    def test_a_negative_pushback_is_final(self) -> None:
        """
        After a negative pushback there is no retry.
        """
        error = Rejected(retry_after_s=-1.0)

        assert self.make().delay_s(a_call(idempotent=True, attempt=1), error) is None

    def test_success_is_taken(self) -> None:
        """
        One policy serves all calls: it takes their ends in any order.
        """
        policy = self.make()
        for attempt in (1, 3, 1, 2):
            policy.delay_s(a_call(attempt=attempt), Rejected())
            policy.succeeded(a_call(attempt=attempt))

    def test_takes_over(self) -> None:
        """
        One that replaces another repeats no more than that one would have.
        """
        before, after = self.make(), self.make()
        error = Rejected()
        for _ in range(100_000):
            if before.delay_s(a_call(idempotent=True, attempt=1), error) is None:
                break
        after.take_over(before)

        answers = {
            policy.delay_s(a_call(idempotent=True, attempt=1), error) is None
            for policy in (before, after)
        }
        assert len(answers) == 1


def _errors() -> tuple[CallError, ...]:
    plain = tuple(CallError(status=status) for status in _FAILURES)
    pushed_back = tuple(Rejected(retry_after_s=pushback_s) for pushback_s in (-1.0, 0.0, 2.5))
    return (*plain, *pushed_back, NoInstances(), Rejected(), CallError(hints=Hint.SAFE_TO_REPEAT))
