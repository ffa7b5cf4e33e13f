"""
Retry by hints: what is repeated, when, and how often.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import (
    ApplicationError,
    CallError,
    Cancelled,
    ConnectionLost,
    DeadlineExceeded,
    NoInstances,
    Overloaded,
    Rejected,
    SettingsError,
    SetupError,
    Unavailable,
)
from rpcfw.kernel.settings import options_of
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.retry import RetryPolicyContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_retries.by_hints import ByHints


def policy(around=None, **options: str) -> ByHints:
    return ByHints(options_of(ByHints.Options, **options), around or plugin_context())


def delay_s(error: CallError, attempt: int = 1, *, idempotent: bool = False, **options: str):
    """
    Return the answer of a new policy.
    """
    return policy(**options).delay_s(a_call(idempotent=idempotent, attempt=attempt), error)


class TestByHintsContract(RetryPolicyContract):
    def make(self):
        return policy()


UNSENT = [
    NoInstances(),
    Unavailable(hints=Hint.NEVER_SENT),
    Overloaded(hints=Hint.NEVER_SENT | Hint.NOT_BEGUN),
]


@pytest.mark.parametrize("error", UNSENT)
@pytest.mark.parametrize("idempotent", [False, True])
def test_what_was_never_sent_is_repeated_at_once(error, idempotent):
    """
    A call that never left this process goes to another node at once, any method's.
    """
    assert delay_s(error, idempotent=idempotent) == 0.0


@pytest.mark.parametrize(("attempt", "error"), [(2, NoInstances()), (1, Rejected()),
                                                (1, Overloaded())])  # fmt: skip
def test_then_after_a_backoff(attempt, error):
    """
    If that did not help, or a server refused, the next waits a little, with chance in it.
    """
    judge = policy()
    waits = [judge.delay_s(a_call(attempt=attempt), error) for _ in range(20)]

    assert all(0.008 <= wait <= 0.012 for wait in waits)
    assert len(set(waits)) == 20


def repeats(judge: ByHints, error: CallError, count: int = 300, attempt: int = 1) -> int:
    """
    Return how many of so many calls that failed alike the policy would repeat.
    """
    return sum(judge.delay_s(a_call(attempt=attempt), error) is not None for _ in range(count))


def test_refusals_cost_tokens():
    """
    Repeats of what servers refused end with the budget: of overload the sooner.
    """
    assert repeats(policy(), Overloaded()) == 99
    assert repeats(policy(), Rejected(), 1_000, attempt=2) == 499
    assert repeats(policy(budget_overload_cost="50"), Overloaded()) == 9


def test_a_server_that_leaves_loses_no_call():
    """
    However many calls it refuses, each of them is repeated once, whatever the budget.
    """
    judge = policy(budget_tokens="10")

    assert repeats(judge, Rejected(), 10_000) == 10_000
    assert lost(judge, 100) == 4


def test_servers_that_refuse_everything():
    """
    If no call succeeds, first refusals cost tokens at last, so that they end with the budget.
    """
    judge = policy(budget_tokens="1000")
    repeats(judge, Rejected(), 10_000)

    assert repeats(judge, Rejected(), 10_000) == 499
    later = policy()
    later.take_over(judge)
    assert repeats(later, Rejected(), 100) == 0
    for _ in range(100):
        judge.succeeded(a_call())
    assert repeats(judge, Rejected(), 200) == 100


def test_waits_grow_up_to_a_limit():
    """
    Each wait is twice the one before, up to the longest.
    """
    waits = [
        delay_s(
            Unavailable(), attempt, idempotent=True, max_attempts="10",
            initial_backoff="10ms", max_backoff="100ms", backoff_jitter="0%",
        )
        for attempt in range(1, 7)
    ]  # fmt: skip

    assert [0.01, 0.02, 0.04, 0.08, 0.1, 0.1] == waits


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_idempotent_methods(status):
    """
    An idempotent method is repeated when the server went away, after nothing else.
    """
    repeated = delay_s(CallError(status=status), idempotent=True) is not None

    assert (status is Status.UNAVAILABLE) == repeated


def test_time_that_is_over_stays_over():
    """
    Neither a spent deadline nor a cancelled call is repeated by default.
    """
    assert delay_s(DeadlineExceeded(), idempotent=True) is None
    assert delay_s(Cancelled(), idempotent=True) is None


def test_the_users_whitelist():
    """
    The user's own list takes the place of the default, for idempotent methods only.
    """
    listed = {"statuses": "ABORTED, DEADLINE_EXCEEDED"}
    aborted = CallError(status=Status.ABORTED)

    assert delay_s(aborted, idempotent=True, **listed) is not None
    assert delay_s(DeadlineExceeded(), idempotent=True, **listed) is not None
    assert delay_s(Unavailable(), idempotent=True, **listed) is None
    assert delay_s(aborted, **listed) is None


def test_the_users_word_for_all_methods():
    """
    What the user lists as harmless for all methods is repeated for all methods.
    """
    assert delay_s(ConnectionLost(), always_statuses="UNAVAILABLE") is not None
    assert delay_s(ConnectionLost()) is None


def test_the_peers_word():
    """
    What the peer says is safe to repeat is repeated, whatever the method.
    """
    error = CallError(status=Status.ABORTED, hints=Hint.SAFE_TO_REPEAT)

    assert delay_s(error) is not None


@pytest.mark.parametrize(("attempt", "repeated"), [(1, True), (2, True), (3, False), (4, False)])
def test_three_attempts(attempt, repeated):
    """
    A call has three attempts in all, however it fails.
    """
    assert repeated == (delay_s(Rejected(), attempt) is not None)
    assert repeated == (delay_s(Unavailable(), attempt, idempotent=True) is not None)


@pytest.mark.parametrize("wish", [0.0, 0.5, 30.0])
def test_the_servers_wish(wish):
    """
    A server that says when to try again is obeyed, instead of the backoff.
    """
    assert wish == delay_s(Overloaded(retry_after_s=wish))
    assert wish == delay_s(Unavailable(retry_after_s=wish), 2, idempotent=True)


def test_a_wish_makes_nothing_safe():
    """
    A server's wish does not make a begun call of a method safe to repeat.
    """
    assert delay_s(Unavailable(retry_after_s=0.5)) is None


def lost(judge: ByHints, count: int, *, attempt: int = 1, further: bool = False) -> int:
    """
    Return how many of so many lost calls the policy would repeat.
    """
    call, error = a_call(idempotent=True, attempt=attempt), ConnectionLost()
    error.further = further
    return sum(judge.delay_s(call, error) is not None for _ in range(count))


def test_the_budget_ends_repeats():
    """
    When half of the tokens are gone, no failure is repeated any more, and it is counted.
    """
    around = plugin_context()
    judge = policy(around, budget_tokens="10")

    assert lost(judge, 100) == 4
    refused = around.meter.counter(
        "rpcfw_client_retries_refused_total", "repeats not made because the budget was spent"
    )
    assert refused.of().value == 96


def test_successes_bring_tokens_back():
    """
    Calls that end well pay for repeats; never more than the budget holds.
    """
    judge = policy(budget_tokens="10", budget_ratio="0.5")
    lost(judge, 4)
    for _ in range(4):
        judge.succeeded(a_call())
    assert lost(judge, 100) == 2

    for _ in range(1_000):
        judge.succeeded(a_call())
    assert lost(judge, 100) == 4


def test_repeats_that_cost_nothing():
    """
    What was never sent is repeated whatever the budget, and leaves it alone.
    """
    judge = policy(budget_tokens="10")
    for _ in range(1_000):
        assert judge.delay_s(a_call(attempt=1), NoInstances()) == 0.0
    assert lost(judge, 100) == 4

    assert judge.delay_s(a_call(attempt=1), NoInstances()) == 0.0
    assert judge.delay_s(a_call(attempt=2), Rejected()) is None


def test_failures_that_are_never_repeated_cost_nothing():
    """
    The user's own errors, and calls that may not be repeated, take no tokens.
    """
    judge = policy(budget_tokens="10")
    for _ in range(100):
        judge.delay_s(a_call(idempotent=True, attempt=1), CallError(status=Status.NOT_FOUND))
        judge.delay_s(a_call(attempt=1), ConnectionLost())

    assert lost(judge, 100) == 4


def test_a_last_failure_costs_a_token():
    """
    A failure counts against the backend even if the call has no attempt left.
    """
    judge = policy(budget_tokens="10")
    for _ in range(4):
        judge.delay_s(a_call(idempotent=True, attempt=3), ConnectionLost())

    assert lost(judge, 100) == 0


def test_one_connection_lost():
    """
    By default, hundreds of calls that were lost with one connection are all repeated.
    """
    assert lost(policy(), 400) == 400


def test_the_calls_of_one_connection_are_one_event():
    """
    Any number of them costs one token together, but only the first time that a call is lost.
    """
    judge = policy(budget_tokens="10")
    assert lost(judge, 1_000, further=True) == 1_000
    assert lost(judge, 1_000) == 4
    judge = policy(budget_tokens="10")
    assert lost(judge, 1_000, attempt=2, further=True) == 4


def test_no_budget():
    """
    A budget of 0 means no limit.
    """
    assert lost(policy(budget_tokens="0"), 5_000) == 5_000


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"statuses": "UNAVAILBLE"}, "did you mean UNAVAILABLE"),
        ({"always_statuses": "unavailable"}, "did you mean UNAVAILABLE"),
        ({"statuses": "OK"}, "no status of a failure"),
        ({"max_attempts": "0"}, "max_attempts: must be at least 1"),
        ({"backoff_multiplier": "0.5"}, "backoff_multiplier: must be at least 1"),
        ({"budget_tokens": "-1"}, "budget_tokens: must be at least 0"),
        ({"budget_overload_cost": "-1"}, "budget_overload_cost: must be at least 0"),
    ],
)
def test_mistakes_are_told(options, told):
    """
    A setting that cannot be meant is refused when the process is assembled.
    """
    with pytest.raises(SettingsError, match=told):
        policy(**options)


class UpdateFailed(ApplicationError):
    """
    What a filter of a client makes of an error of the service.
    """


def test_errors_of_ones_own():
    """
    A class of errors that is named is repeated, and so are its subclasses; others are not.
    """
    named = f"{__name__}:UpdateFailed"
    error = UpdateFailed(Status.ABORTED, "the row is locked")

    assert delay_s(error, always_errors=named) is not None
    assert delay_s(error) is None
    assert delay_s(ApplicationError(Status.ABORTED), always_errors=named) is None


@pytest.mark.parametrize(
    ("target", "why"),
    [("nowhere:Nothing", "cannot be imported"), ("rpcfw:Status", "is no subclass"), ("rpcfw", "")],
)
def test_errors_that_are_none(target, why):
    """
    A class that cannot be had, or is no error of a call, stops the start.
    """
    with pytest.raises(SetupError, match=f"always_errors: '{target}' {why}"):
        policy(always_errors=target)
