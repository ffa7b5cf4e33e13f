"""
Starting and stopping parts.
"""

from __future__ import annotations

import asyncio

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import SetupError
from rpcfw.kernel.lifecycle import NamedPart, Tree
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import asyncio_bridge


class Recorded:
    """
    A part that writes down what it is asked, and waits, fails or is done at once.
    """

    def __init__(self, name, said, *, start=None, stop=None):
        self.name = name
        self._said = said
        self._start = start
        self._stop = stop

    async def start(self):
        self._said.append(f"start {self.name}")
        await done(self._start)

    async def stop(self):
        self._said.append(f"stop {self.name}")
        await done(self._stop)


async def done(outcome):
    """
    Raise an error, wait for a Deferred, or do neither.
    """
    if isinstance(outcome, Exception):
        raise outcome
    if outcome is not None:
        await outcome


def run(coroutine):
    """
    Begin a coroutine and return the list that its result, or error, comes into.
    """
    results = []
    deferred = Deferred.fromCoroutine(coroutine)
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.value))
    return results


@pytest.fixture
def clock():
    """
    Give time that is moved by hand.
    """
    return Clock()


@pytest.fixture
def said():
    """
    Give the list that parts write to.
    """
    return []


@pytest.fixture
def tree(clock, said):
    """
    Give a function that makes a tree of three parts, given what is odd with each.
    """

    def tree(runtime=None, middle=None, roof=None):
        kinds = {"ground": runtime, "middle": middle, "roof": roof}
        parts = [Recorded(name, said, **(odd or {})) for name, odd in kinds.items()]
        return Tree(parts, Timers(clock), limit_s=5)

    return tree


def pass_time(clock, seconds):
    """
    Move the clock in small steps, as a reactor would.
    """
    for _ in range(round(seconds * 10) + 1):
        clock.advance(0.1)


def test_parts_start_upward_and_stop_downward(tree, said):
    """
    What stands on others starts after them and stops before them.
    """
    whole = tree()

    assert [None] == run(whole.start())
    assert whole.running
    assert [None] == run(whole.stop())
    assert not whole.running

    assert [
        *("start ground", "start middle", "start roof"),
        *("stop roof", "stop middle", "stop ground"),
    ] == said


def test_a_part_is_awaited_before_the_next_starts(tree, said):
    """
    A part that takes its time is up before anything stands on it.
    """
    ready = Deferred()
    whole = tree(middle={"start": ready})
    started = run(whole.start())

    assert ["start ground", "start middle"] == said
    ready.callback(None)

    assert [None] == started
    assert "start roof" == said[-1]


def test_a_part_that_fails_names_itself_and_takes_the_others_down(tree, said):
    """
    After a failed start nothing is left running, and the error says which part it was.
    """
    cause = OSError("port in use")
    whole = tree(roof={"start": cause})

    [error] = run(whole.start())

    assert isinstance(error, SetupError)
    assert "roof did not start: port in use" == str(error)
    assert cause is error.__cause__
    assert ["stop middle", "stop ground"] == said[3:]
    assert [None] == run(whole.stop())
    assert 5 == len(said)


def test_stop_while_starting_cuts_the_start_short(tree, said):
    """
    A signal that comes during the start stops what is up and starts no more.
    """
    whole = tree(middle={"start": Deferred()})
    started = run(whole.start())

    assert [None] == run(whole.stop())

    assert [CancelledError] == [type(each) for each in started]
    assert ["start ground", "start middle", "stop ground"] == said


def test_cancelling_the_start_takes_down_what_is_up(tree, said):
    """
    A start that its caller gives up leaves nothing running.
    """
    whole = tree(roof={"start": Deferred()})
    starting = Deferred.fromCoroutine(whole.start())

    starting.cancel()

    assert isinstance(starting.result.value, CancelledError)
    starting.addErrback(lambda _: None)
    assert ["stop middle", "stop ground"] == said[3:]


def test_a_start_that_will_not_be_cancelled_is_left_behind(clock, said):
    """
    A part that holds on to its start delays the stop no longer than the limit.
    """
    ready = [Deferred(), Deferred()]

    async def stubborn():
        try:
            await ready[0]
        except CancelledError:
            await ready[1]

    async def stop():
        said.append("stop stubborn")

    runtime = Recorded("ground", said)
    whole = Tree([runtime, NamedPart("stubborn", stubborn, stop)], Timers(clock), limit_s=1)
    started = run(whole.start())
    # `with_deadline` cancels what is waited for, which is the start's end here, not the part.
    stopped = run(whole.stop())
    assert [] == stopped
    pass_time(clock, 1)

    assert [None] == stopped
    assert ["start ground", "stop ground"] == said
    ready[1].callback(None)
    assert [SetupError] == [type(each) for each in started]
    assert "stop stubborn" == said[-1]


def test_parts_that_overrun_are_named_and_given_up(tree, said, clock):
    """
    One limit covers all parts; each that is not done in time is named in a warning.
    """
    whole = tree(roof={"stop": Deferred()}, runtime={"stop": Deferred()})
    run(whole.start())

    with capturedLogs() as logs:
        stopped = run(whole.stop(limit_s=2))
        pass_time(clock, 1.8)
        assert [] == stopped
        pass_time(clock, 0.5)

    assert [None] == stopped
    assert ["stop roof", "stop middle", "stop ground"] == said[3:]
    assert [
        "roof did not stop in time and was given up",
        "ground did not stop in time and was given up",
    ] == [formatEvent(event) for event in logs]


def test_a_part_that_fails_to_stop_does_not_keep_the_others_up(tree, said):
    """
    An error while stopping is logged with the part's name, and the rest is stopped.
    """
    whole = tree(roof={"stop": ValueError("odd")}, middle={"stop": CancelledError()})
    run(whole.start())

    with capturedLogs() as logs:
        assert [None] == run(whole.stop())

    assert "stop ground" == said[-1]
    assert ["roof failed to stop", "stopping middle was cancelled"] == [
        formatEvent(event) for event in logs
    ]


def test_stop_may_be_asked_again(tree, said):
    """
    A second stop waits for the end of the first; a third returns at once.
    """
    ready = Deferred()
    whole = tree(roof={"stop": ready})
    run(whole.start())

    first, second = run(whole.stop()), run(whole.stop())
    assert [[], []] == [first, second]
    ready.callback(None)

    assert [[None], [None]] == [first, second]
    assert [None] == run(whole.stop())
    assert 6 == len(said)


def test_what_never_started_stops_at_once(tree, said):
    """
    Stopping before starting touches no part, and starting afterwards is refused.
    """
    whole = tree()

    assert [None] == run(whole.stop())
    assert [] == said
    [error] = run(whole.start())
    assert isinstance(error, SetupError)
    assert "this application has stopped, and an application starts once: make a new one" == str(
        error
    )


def test_under_asyncio_parts_may_wait_for_its_things(clock, said):
    """
    Where an asyncio loop drives, parts await futures and Deferreds alike.
    """

    async def future():
        ready = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(ready.set_result, None)
        await ready
        said.append("future")

    async def deferred():
        ready = Deferred()
        asyncio.get_running_loop().call_soon(ready.callback, None)
        await ready
        said.append("deferred")

    async def main():
        whole = Tree(
            [NamedPart("a", future, deferred), NamedPart("b", deferred, future)], Timers(clock)
        )
        await asyncio_bridge(whole.start())
        await asyncio_bridge(whole.stop())

    asyncio.run(main())

    assert ["future", "deferred", "future", "deferred"] == said


def test_under_asyncio_stop_cuts_the_start_short(clock, said):
    """
    A part that waits for an asyncio future is cancelled through it.
    """
    began = asyncio.Event()

    async def never():
        began.set()
        await asyncio.get_running_loop().create_future()

    async def nothing():
        said.append("ground")

    async def main():
        whole = Tree(
            [NamedPart("a", nothing, nothing), NamedPart("b", never, never)], Timers(clock)
        )
        starting = asyncio.ensure_future(asyncio_bridge(whole.start()))
        await began.wait()
        await asyncio_bridge(whole.stop())
        with pytest.raises((CancelledError, asyncio.CancelledError)):
            await starting

    asyncio.run(main())

    assert ["ground", "ground"] == said
