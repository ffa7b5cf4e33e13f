"""
Blocks that hear what came beside an answer.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.hearing import ears, hearing, listener
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


def follow(heard, stack):
    return spawn(heard.follow(a_call(), stack))


def test_nothing_yet():
    """
    Before an answer there is nothing, and no block is left open.
    """
    with hearing() as heard:
        assert ("", "") == (heard.method, heard.peer)
        assert (EMPTY, EMPTY) == (heard.metadata, heard.trailers)
        assert {heard} == ears
    assert set() == ears


def test_an_answer():
    """
    Metadata, trailers, and who answered what.
    """
    with hearing() as heard:
        assert "answer" == follow(heard, answers).result
    assert ("demo.Greeter/say", "tcp:10.0.0.9:1") == (heard.method, heard.peer)
    assert (FIRST, LAST) == (heard.metadata, heard.trailers)


def test_a_silent_answer_after_one_that_spoke():
    """
    What is kept belongs to the last call, never to the one before it.
    """
    with hearing() as heard:
        follow(heard, answers)
        follow(heard, says_nothing)
    assert ("", EMPTY, EMPTY) == (heard.peer, heard.metadata, heard.trailers)


def test_a_failure():
    """
    A failed call's pairs are heard as well, and its error goes on to the caller.
    """
    with hearing() as heard:
        caught = []
        follow(heard, fails).addErrback(caught.append)
        assert ["no"] == [each.value.message for each in caught]
    assert (FIRST.pairs, (("why", "3"),)) == (heard.metadata.pairs, heard.trailers.pairs)


def test_after_its_end():
    """
    What ends after the block is not heard: what was read there stays as it was.
    """
    with hearing() as heard:
        pass
    follow(heard, answers)
    assert EMPTY == heard.metadata


def test_blocks_nest():
    """
    The innermost block hears; the outer one does again when it is left.
    """
    with hearing() as outer:
        with hearing() as inner:
            assert inner is listener()
        assert outer is listener()
    assert listener() is None


def test_blocks_beside_each_other():
    """
    Coroutines that run at once have their own blocks.
    """
    seen = []

    async def one(bell):
        with hearing() as heard:
            await bell
            seen.append(heard is listener())

    bells = [Waiter(), Waiter()]
    running = [spawn(one(bell)) for bell in bells]
    assert listener() is None
    for bell in bells:
        bell.callback(None)
    assert [True, True] == seen
    assert all(each.called for each in running)
