"""
Waiting, whoever drives: asyncio's Task, or Twisted beside an asyncio loop.
"""

from __future__ import annotations

import asyncio
import gc
import types

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from rpcfw.errors import DeadlineExceeded, Unavailable
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import Waiter, asyncio_bridge, sleep, spawn, with_deadline


class Undone(Waiter[str]):
    """
    Notes that its awaiter gave up.
    """

    undone = 0

    def cancel(self) -> None:
        self.undone += 1
        super().cancel()


async def wait_for(waiter):
    return await waiter


@types.coroutine
def bare_turn():
    """
    Give the loop one turn, waiting for nothing: what asyncio does for a sleep of 0.
    """
    yield


async def turn() -> None:
    """
    Let the loop do what is due.
    """
    for _ in range(5):
        await bare_turn()


@pytest.fixture
def complaints():
    """
    Collect what Twisted logs as a failure, and what asyncio does.
    """
    events = []

    def observe(event) -> None:
        if "log_failure" in event:
            events.append(event)

    globalLogPublisher.addObserver(observe)
    yield events
    gc.collect()
    globalLogPublisher.removeObserver(observe)


def run(scenario):
    """
    Run a scenario on a loop that holds any complaint against it.
    """
    complaints = []

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        result = await scenario()
        gc.collect()
        await turn()
        return result

    result = asyncio.run(main())
    assert [] == complaints
    return result


@pytest.mark.parametrize("early", [True, False])
def test_a_task_gets_the_value(early):
    """
    A Waiter is awaited in an asyncio Task as it is under Twisted.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        if early:
            waiter.callback("x")
        task = asyncio.ensure_future(wait_for(waiter))
        await turn()
        if not early:
            waiter.callback("x")
        return await task

    assert run(scenario) == "x"


def test_a_task_gets_the_error(complaints):
    """
    An error that comes instead is raised in the Task, and logged by nobody.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        task = asyncio.ensure_future(wait_for(waiter))
        await turn()
        waiter.errback(Unavailable("away"))
        with pytest.raises(Unavailable, match="away"):
            await task

    run(scenario)
    gc.collect()
    assert [] == complaints


def test_a_task_gives_up(complaints):
    """
    A Task that is cancelled tells the Waiter, and nothing is logged.
    """

    async def scenario():
        waiter = Undone()
        task = asyncio.ensure_future(wait_for(waiter))
        await turn()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return waiter.undone

    assert run(scenario) == 1
    gc.collect()
    assert [] == complaints


def test_a_value_after_giving_up(complaints):
    """
    A value that comes when nobody waits any more is dropped in silence.
    """

    class Late(Waiter[str]):
        """
        Cannot be taken back: the value comes all the same.
        """

        def cancel(self) -> None:
            pass

    async def scenario():
        waiter = Late()
        task = asyncio.ensure_future(wait_for(waiter))
        await turn()
        task.cancel()
        await turn()
        waiter.callback("x")
        return task.cancelled()

    assert run(scenario)
    gc.collect()
    assert [] == complaints


def test_twisted_drives_beside_a_loop(complaints):
    """
    Under Twisted's driver, with an asyncio loop running, the value comes at once.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        results: list[str] = []
        done = Deferred.fromCoroutine(wait_for(waiter))
        done.addCallback(results.append)
        waiter.callback("x")
        return results

    assert run(scenario) == ["x"]
    assert [] == complaints


def test_twisted_gives_up_beside_a_loop(complaints):
    """
    Under Twisted's driver, with an asyncio loop running, giving up reaches the Waiter.
    """

    async def scenario():
        waiter = Undone()
        failures = []
        done = Deferred.fromCoroutine(wait_for(waiter))
        done.addErrback(failures.append)
        done.cancel()
        return waiter.undone, failures[0].type

    assert run(scenario) == (1, CancelledError)
    gc.collect()
    assert [] == complaints


@pytest.mark.parametrize("nested", [0, 1, 3])
def test_limits_under_a_task(nested, complaints):
    """
    A limit works in an asyncio Task, and limits within limits too.
    """

    async def scenario():
        clock = Clock()
        timers = Timers(clock)
        waiter = Undone()
        coroutine = wait_for(waiter)
        for _ in range(nested):
            coroutine = wait_for(with_deadline(coroutine, timers, 50.0))
        task = asyncio.ensure_future(wait_for(with_deadline(coroutine, timers, 1.0)))
        await turn()
        clock.advance(1.1)
        with pytest.raises(DeadlineExceeded):
            await task
        return waiter.undone

    assert run(scenario) == 1
    gc.collect()
    assert [] == complaints


def test_a_limited_task_in_time():
    """
    What ends in time gives its value, in a Task too.
    """

    async def scenario():
        clock = Clock()
        waiter: Waiter[str] = Waiter()
        task = asyncio.ensure_future(wait_for(with_deadline(wait_for(waiter), Timers(clock), 1.0)))
        await turn()
        waiter.callback("x")
        result = await task
        clock.advance(5)
        return result

    assert run(scenario) == "x"


def test_a_limited_task_is_cancelled():
    """
    A Task that is cancelled from outside is cancelled, whatever its limit.
    """

    async def scenario():
        waiter = Undone()
        task = asyncio.ensure_future(
            wait_for(with_deadline(wait_for(waiter), Timers(Clock()), 1.0))
        )
        await turn()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return waiter.undone

    assert run(scenario) == 1


def test_a_limit_over_asyncios_own_things():
    """
    A limit covers what asyncio gives to wait for: its events, futures and bare turns.
    """

    async def scenario():
        clock = Clock()
        timers = Timers(clock)
        events = asyncio.Event()

        async def turns():
            while True:
                await bare_turn()

        tasks = [
            asyncio.ensure_future(wait_for(with_deadline(one, timers, 1.0)))
            for one in (
                events.wait(),
                wait_for(asyncio.get_running_loop().create_future()),
                turns(),
            )
        ]
        await turn()
        clock.advance(1.1)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return [type(result) for result in results]

    assert run(scenario) == [DeadlineExceeded] * 3


def test_sleep_in_a_task():
    """
    Sleep on our clock can be awaited in a Task.
    """

    async def scenario():
        clock = Clock()
        task = asyncio.ensure_future(sleep(clock, 1.0))
        await turn()
        clock.advance(1)
        return await task

    assert run(scenario) is None


def test_spawned_code_may_use_both():
    """
    Beside an asyncio loop, spawned code awaits asyncio's things, Deferreds and Waiters.
    """

    async def scenario():
        deferred: Deferred[str] = Deferred()
        waiter: Waiter[str] = Waiter()

        async def both():
            await bare_turn()
            return await deferred, await waiter

        future = spawn(both()).asFuture(asyncio.get_running_loop())
        await turn()
        deferred.callback("deferred")
        await turn()
        waiter.callback("waiter")
        return await future

    assert run(scenario) == ("deferred", "waiter")


def test_spawned_code_gets_errors():
    """
    Beside an asyncio loop, an error of a Deferred is raised where it is awaited.
    """

    async def scenario():
        deferred: Deferred[str] = Deferred()

        async def mending():
            try:
                return await deferred
            except Unavailable as error:
                return error.message

        future = spawn(mending()).asFuture(asyncio.get_running_loop())
        await turn()
        deferred.errback(Unavailable("away"))
        return await future

    assert run(scenario) == "away"


def test_spawned_code_is_given_up(complaints):
    """
    Beside an asyncio loop, cancelling what was spawned reaches the innermost wait.
    """

    async def scenario():
        undone = []
        deferred: Deferred[str] = Deferred(undone.append)
        waiter = Undone()
        failures = []
        for one in (wait_for(deferred), wait_for(waiter)):
            done = spawn(one)
            done.addErrback(failures.append)
            await turn()
            done.cancel()
            await turn()
        kinds = {failure.type for failure in failures}
        return len(undone), waiter.undone, len(failures), kinds <= {
            CancelledError, asyncio.CancelledError
        }  # fmt: skip

    assert run(scenario) == (1, 1, 2, True)
    gc.collect()
    assert [] == complaints


def test_bridged_code_in_a_task_of_the_users():
    """
    A coroutine that awaits Deferreds can be made fit for a user's own Task.
    """

    async def scenario():
        deferred: Deferred[str] = Deferred()
        task = asyncio.ensure_future(asyncio_bridge(wait_for(deferred)))
        await turn()
        deferred.callback("x")
        return await task

    assert run(scenario) == "x"


@pytest.mark.parametrize("wait", ["future", "waiter", "turn", "again"])
def test_a_limit_between_a_value_and_its_awaiter(wait):
    """
    Time that is over after a value has come, and before its awaiter goes on, counts.

    The awaiter has its value, and what it waits for next is given up.
    """

    async def scenario():
        clock = Clock()
        timers = Timers(clock)
        first = asyncio.get_running_loop().create_future()
        never = asyncio.get_running_loop().create_future()
        seen = []

        async def both():
            seen.append(await first)
            if wait == "turn":
                while True:
                    await bare_turn()
            if wait == "again":
                with pytest.raises(asyncio.CancelledError):
                    await asyncio.shield(never)
            await (Waiter() if wait == "waiter" else never)

        async def whole():
            await with_deadline(both(), timers, clock.seconds() + 1)

        task = asyncio.ensure_future(whole())
        await turn()
        first.set_result("x")
        clock.advance(2)
        await turn()
        if wait == "again":
            # It was told once, and waits on of its own will.
            assert not task.done()
            never.cancel()
            await turn()
        assert task.done()
        with pytest.raises(DeadlineExceeded):
            await task
        return seen

    assert ["x"] == run(scenario)


def test_a_limit_after_the_last_value():
    """
    Who has its value already and waits for nothing more gives it, whatever the time.
    """

    async def scenario():
        clock = Clock()
        first = asyncio.get_running_loop().create_future()

        async def whole():
            return await with_deadline(wait_for(first), Timers(clock), clock.seconds() + 1)

        task = asyncio.ensure_future(whole())
        await turn()
        first.set_result("x")
        clock.advance(2)
        return await task

    assert "x" == run(scenario)


def test_a_limit_between_an_error_and_its_awaiter():
    """
    A coroutine that mends an error after its time is over does not wait on.
    """

    async def scenario():
        clock = Clock()
        timers = Timers(clock)
        first = asyncio.get_running_loop().create_future()

        async def mending():
            try:
                await first
            except ZeroDivisionError:
                await Waiter()

        async def whole():
            await with_deadline(mending(), timers, clock.seconds() + 1)

        task = asyncio.ensure_future(whole())
        await turn()
        first.set_exception(ZeroDivisionError())
        clock.advance(2)
        await turn()
        assert task.done()
        with pytest.raises(DeadlineExceeded):
            await task

    run(scenario)
