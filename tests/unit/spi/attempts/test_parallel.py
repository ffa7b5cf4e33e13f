"""
Attempts side by side: their copies, their ends, and what the call gets of them.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import NoNodeLeft, Unavailable
from rpcfw.spi.attempts.once import once
from rpcfw.spi.attempts.parallel import ParallelAttempts
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.testing.contracts.attempts import Fleet, a_timed_call
from rpcfw.values.metadata import Metadata


def test_copies_share_what_was_tried():
    """
    All that wait for the list of nodes go to different ones, in whatever order they go on.
    """
    fleet = Fleet(lambda call: Waiter())
    waiting = []

    async def late(call):
        own = Waiter()
        waiting.append(own)
        await own
        return await fleet.attempt(call)

    with ParallelAttempts(a_timed_call(), once(late)) as attempts:
        for _ in range(3):
            attempts.begin()
        for each in reversed(waiting):
            each.callback(None)
        assert {"a", "b", "c"} == {attempt.peer for attempt in fleet.attempts}
        assert 3 == fleet.under_way
    assert 0 == fleet.under_way


def test_no_node_twice():
    """
    With ``once_per_node`` an attempt fails if each node has got one.
    """
    fleet = Fleet(lambda call: Waiter())
    with ParallelAttempts(a_timed_call(), once(fleet.attempt), once_per_node=True) as attempts:
        for _ in range(4):
            attempts.begin()
        ended = attempts.take_ended()
        assert isinstance(ended.error, NoNodeLeft)
        assert attempts.take_ended() is None
        assert 3 == fleet.under_way


def test_the_call_gets_what_its_winner_has():
    """
    Peer and trailers are those of the attempt that answered; both attempts are counted.
    """

    def answer(call):
        call.trailers = Metadata((("from", call.peer),))
        return "good" if call.peer == "b" else Unavailable("gone")

    call, fleet = a_timed_call(), Fleet(answer)
    with ParallelAttempts(call, once(fleet.attempt)) as attempts:
        attempts.begin()
        attempts.begin()
        failed, good = attempts.take_ended(), attempts.take_ended()
        assert "gone" == failed.error.message
        assert "good" == attempts.response_of(good)
    assert ("b", "b", 2) == (call.peer, call.trailers.get("from"), call.attempt)


def test_a_bug_is_raised():
    """
    What is no failure of a call is raised where the attempt is taken.
    """
    with ParallelAttempts(a_timed_call(), once(Fleet(lambda call: KeyError()).attempt)) as attempts:
        attempts.begin()
        with pytest.raises(KeyError):
            attempts.take_ended()


def test_an_end_that_was_not_taken():
    """
    There is no wait while an attempt has ended that nobody has taken.
    """
    clock = Clock()
    with ParallelAttempts(a_timed_call(), once(Fleet(lambda call: "good").attempt)) as attempts:
        attempts.begin()
        with pytest.raises(StopIteration):
            attempts.wait_until(clock).send(None)
        attempts.take_ended()


def test_an_attempt_that_cannot_begin():
    """
    What a plain function in the stack raises is the call's, and the others are cancelled.
    """
    fleet = Fleet(lambda call: Waiter())

    def step(call):
        if fleet.under_way:
            raise KeyError("a bug in a router")
        return fleet.attempt(call)

    def begin_two():
        with ParallelAttempts(a_timed_call(), once(step)) as attempts:
            attempts.begin()
            attempts.begin()

    with pytest.raises(KeyError, match="a bug in a router"):
        begin_two()
    assert 0 == fleet.under_way
