"""
Blocks that hear what came beside an answer.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.call_details import active_captures, call_details, current_capture
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.testing.candidates import a_call
from rpcfw.values.metadata import EMPTY, Metadata

FIRST, LAST = Metadata((("first", "1"),)), Metadata((("last", "2"),))


async def answers(call):
    call.peer, call.response_metadata, call.trailers = "tcp:10.0.0.9:1", FIRST, LAST
    return "answer"


async def says_nothing(call):
    return "silence"


async def fails(call):
    error = CallError("no", trailers=(("why", "3"),))
    error.metadata = FIRST.pairs
    raise error


def follow(details, stack):
    return spawn(details.follow(a_call(), stack))


def test_nothing_yet():
    """
    Before an answer there is nothing, and no block is left open.
    """
    with call_details() as details:
        assert ("", "") == (details.method, details.peer)
        assert (EMPTY, EMPTY) == (details.metadata, details.trailers)
        assert {details} == active_captures
    assert set() == active_captures


def test_an_answer():
    """
    Metadata, trailers, and who answered what.
    """
    with call_details() as details:
        assert "answer" == follow(details, answers).result
    assert ("demo.Greeter/say", "tcp:10.0.0.9:1") == (details.method, details.peer)
    assert (FIRST, LAST) == (details.metadata, details.trailers)


def test_a_silent_answer_after_one_that_spoke():
    """
    What is kept belongs to the last call, never to the one before it.
    """
    with call_details() as details:
        follow(details, answers)
        follow(details, says_nothing)
    assert ("", EMPTY, EMPTY) == (details.peer, details.metadata, details.trailers)


def test_a_failure():
    """
    A failed call's pairs are heard as well, and its error goes on to the caller.
    """
    with call_details() as details:
        caught = []
        follow(details, fails).addErrback(caught.append)
        assert ["no"] == [each.value.message for each in caught]
    assert (FIRST.pairs, (("why", "3"),)) == (details.metadata.pairs, details.trailers.pairs)


def test_after_its_end():
    """
    What ends after the block is not heard: what was read there stays as it was.
    """
    with call_details() as details:
        pass
    follow(details, answers)
    assert EMPTY == details.metadata


def test_blocks_nest():
    """
    The innermost block hears; the outer one does again when it is left.
    """
    with call_details() as outer:
        with call_details() as inner:
            assert inner is current_capture()
        assert outer is current_capture()
    assert current_capture() is None


def test_blocks_beside_each_other():
    """
    Coroutines that run at once have their own blocks.
    """
    seen = []

    async def one(bell):
        with call_details() as details:
            await bell
            seen.append(details is current_capture())

    bells = [Waiter(), Waiter()]
    running = [spawn(one(bell)) for bell in bells]
    assert current_capture() is None
    for bell in bells:
        bell.callback(None)
    assert [True, True] == seen
    assert all(each.called for each in running)
