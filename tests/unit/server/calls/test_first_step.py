"""
Coroutines that end without waiting end without an exception; those that wait go on as any.
"""

from __future__ import annotations

import gc
import types
import weakref

import pytest

from rpcfw.server.calls.first_step import ENDED, FirstStep


class Thing:
    """
    A response, or what a coroutine waits for. A weak reference can be to it.
    """


async def returns(value):
    return value


@types.coroutine
def given(waited):
    return (yield waited)


async def waits(waited):
    return await given(waited)


async def fails():
    raise ValueError("no")


def test_coroutines_are_begun_one_after_the_other():
    """
    One that ends at once leaves its result, and the next can be begun.
    """
    first = FirstStep()
    for value in (1, None, 3):
        assert first.send(returns(value)) is ENDED
        assert first.result == value


def test_what_a_coroutine_waits_for_is_returned():
    """
    What then stands for the coroutine ends as that would: with its result.
    """
    first, waited = FirstStep(), Thing()
    assert first.send(waits(waited)) is waited
    coroutine = first.keep()
    with pytest.raises(StopIteration) as stopped:
        coroutine.send("came")
    assert stopped.value.value == "came"


def test_errors_reach_a_coroutine_that_waits():
    """
    As a cancellation does.
    """
    first, waited = FirstStep(), Thing()
    first.send(waits(waited))
    with pytest.raises(KeyError):
        first.keep().throw(KeyError("cancelled"))


def test_what_a_coroutine_raises_is_raised():
    """
    Whoever begins it gets the error.
    """
    with pytest.raises(ValueError, match="no"):
        FirstStep().send(fails())


def test_nothing_of_a_coroutine_is_kept():
    """
    A response may be large, and the next call may be far away.
    """
    first, response = FirstStep(), Thing()
    reference = weakref.ref(response)
    first.send(returns(response))
    del response
    first.result = None
    assert reference() is None


def test_a_coroutine_that_waited_leaves_no_reference_cycle():
    """
    A server's calls are freed without the garbage collector.
    """
    first, waited = FirstStep(), Thing()
    first.send(waits(waited))
    reference = weakref.ref(waited)
    coroutine = first.keep()
    gc.disable()
    try:
        with pytest.raises(StopIteration):
            coroutine.send(None)
        del first, coroutine, waited
        assert reference() is None
    finally:
        gc.enable()
