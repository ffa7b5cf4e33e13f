"""
What an attempt tells of those before it, and what a nested call makes of it.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import NoInstances, Unavailable
from rpcfw.spi.attempts.repeats import count_previous, delay_before_next, is_repeat
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import serving
from rpcfw.values.metadata import EMPTY, PREVIOUS_ATTEMPTS, Metadata


class AtOnce(RetryPolicy):
    """
    Has everything repeated at once.
    """

    def delay_s(self, call, error):
        return 0.0


@pytest.fixture
def policy():
    return AtOnce(NoOptions(), plugin_context())


@pytest.fixture
def repeat():
    """
    The running code serves a call that is retried.
    """
    token = serving.set(a_call(metadata={PREVIOUS_ATTEMPTS: "1"}))
    yield
    serving.reset(token)


def test_the_number_grows():
    """
    Each further attempt says how many were before it, and keeps the caller's own metadata.
    """
    call = a_call(metadata={"user": "1"})
    count_previous(call)
    assert (("user", "1"), (PREVIOUS_ATTEMPTS, "1")) == call.metadata.pairs
    count_previous(call, 2)
    assert (("user", "1"), (PREVIOUS_ATTEMPTS, "3")) == call.metadata.pairs


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", False), ("1", True), ("7", True), ("a lot", True), ("-1", True), ("9" * 5000, True)],
)
def test_what_a_peer_wrote(text, expected):
    """
    Whatever stands there means previous attempts, but for zero.
    """
    assert expected is is_repeat(Metadata(((PREVIOUS_ATTEMPTS, text),)))


def test_most_calls_are_none():
    """
    A call that says nothing of previous attempts is no repeat.
    """
    assert not is_repeat(EMPTY)
    assert not is_repeat(Metadata((("user", "1"),)))


def test_a_number_of_a_peer_that_is_none():
    """
    What is no number counts as one.
    """
    call = a_call(metadata={PREVIOUS_ATTEMPTS: "9" * 5000})
    count_previous(call)
    assert "2" == call.metadata.get(PREVIOUS_ATTEMPTS)


@pytest.mark.usefixtures("repeat")
def test_no_retry_of_a_retry(policy):
    """
    A call that is nested in a repeat is repeated only if it was never sent.
    """
    assert delay_before_next(a_call(), Unavailable(), policy, 0.0) is None
    assert 0.0 == delay_before_next(a_call(), NoInstances(), policy, 0.0)


def test_a_retry_of_a_nested_call(policy):
    """
    A call that is nested in the first attempt of another one is retried.
    """
    token = serving.set(a_call())
    try:
        assert 0.0 == delay_before_next(a_call(), Unavailable(), policy, 0.0)
    finally:
        serving.reset(token)


@pytest.mark.parametrize("answer", [-5.0, float("-inf"), float("nan")])
def test_a_delay_that_is_none(policy, answer):
    """
    A policy that answers a wrong delay repeats a call at once, and not after its deadline.
    """
    policy.delay_s = lambda call, error: answer
    call = a_call()
    call.deadline = 10.0
    assert 0.0 == delay_before_next(call, Unavailable(), policy, 9.0)
    assert delay_before_next(call, Unavailable(), policy, 10.0) is None
