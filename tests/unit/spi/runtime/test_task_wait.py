"""
How an asyncio Task waits for a Deferred.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import types
import weakref
from contextvars import ContextVar, copy_context

import pytest

from rpcfw.errors import Unavailable
from rpcfw.spi.runtime.task_wait import TaskWait
from rpcfw.spi.runtime.waiting import Waiter

shade = ContextVar("shade", default="none")


@types.coroutine
def turn():
    """
    Give the loop one turn.
    """
    yield


async def wait_for(waiter, seen):
    seen.append(await waiter)


async def begun(coroutine):
    """
    Return a Task that waits already.
    """
    task = asyncio.ensure_future(coroutine)
    await turn()
    await turn()
    return task


async def outside_of_tasks(function):
    """
    Call a function where what the loop reads is acted on: in the loop, and in no Task.
    """
    returned = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: returned.set_result(function()))
    return await returned


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request):
    """
    Run a scenario on a loop of each kind.
    """
    loop = pytest.importorskip(request.param).new_event_loop()
    yield loop.run_until_complete
    loop.close()


def test_a_task_goes_on_at_once(run):
    """
    A value that comes from the loop resumes the Task before the one that gave it goes on.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []
        task = await begun(wait_for(waiter, seen))

        def give():
            waiter.callback("x")
            return list(seen)

        at_once = await outside_of_tasks(give)
        await task
        return at_once

    assert run(scenario()) == ["x"]


def test_no_task_is_interrupted(run):
    """
    A value that comes from another Task resumes this one when that one waits.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []
        task = await begun(wait_for(waiter, seen))
        waiter.callback("x")
        before = list(seen)
        await task
        return before, seen

    assert run(scenario()) == ([], ["x"])


def test_a_value_from_outside_of_the_loop(run):
    """
    A value that comes while the loop does not run resumes the Task when it runs again.
    """
    waiter: Waiter[str] = Waiter()
    seen: list[str] = []

    async def start():
        return [await begun(wait_for(waiter, seen))]

    async def wait(task):
        await task

    (task,) = run(start())
    waiter.callback("x")
    assert seen == []
    run(wait(task))
    assert seen == ["x"]


def test_the_context_is_the_tasks(run):
    """
    A Task that goes on at once has its own context variables, and the giver keeps its own.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()

        async def ask():
            shade.set("task")
            await waiter
            return shade.get()

        task = await begun(ask())
        shade.set("giver")
        await outside_of_tasks(lambda: waiter.callback("x"))
        return await task, shade.get()

    assert run(scenario()) == ("task", "giver")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Tasks are given a context from Python 3.11")
def test_a_context_that_is_in_use(run):
    """
    A value that comes from code in the Task's own context resumes the Task when that has ended.
    """

    async def scenario():
        loop, context = asyncio.get_running_loop(), copy_context()
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []
        task = loop.create_task(wait_for(waiter, seen), context=context)
        await turn()
        await turn()
        loop.call_soon(waiter.callback, "x", context=context)
        await asyncio.wait_for(task, 10)
        return seen

    assert run(scenario()) == ["x"]


def test_the_current_task(run):
    """
    Code that goes on at once finds its Task as the current one, as asyncio's timeouts need it.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()

        async def ask():
            before = asyncio.current_task()
            await waiter
            return before is asyncio.current_task()

        task = await begun(ask())
        await outside_of_tasks(lambda: waiter.callback("x"))
        return await task

    assert run(scenario())


def test_an_error_is_raised_at_once(run):
    """
    An error resumes the Task as a value does, and is raised in it.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []

        async def mend():
            try:
                await waiter
            except Unavailable as error:
                seen.append(error.message)

        task = await begun(mend())

        def give():
            waiter.errback(Unavailable("away"))
            return list(seen)

        at_once = await outside_of_tasks(give)
        await task
        return at_once

    assert run(scenario()) == ["away"]


def test_an_error_is_no_reference_cycle(run):
    """
    An error that a Task has handled is freed at once, not by the garbage collector.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        error = Unavailable("away")
        errors = [weakref.ref(error)]

        async def mend():
            try:
                await waiter
            except Unavailable:
                return

        task = await begun(mend())
        waiter.errback(error)
        del error
        await task
        return errors[0]()

    gc.disable()
    try:
        assert run(scenario()) is None
    finally:
        gc.enable()


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_the_loop(kind):
    """
    SystemExit in a Task that goes on at once ends the loop: no Deferred keeps it.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()

        async def leave():
            await waiter
            raise kind

        task = await begun(leave())
        asyncio.get_running_loop().call_soon(waiter.callback, "x")
        with pytest.raises(kind):
            await task
        await asyncio.Event().wait()

    with pytest.raises(kind):
        asyncio.run(scenario())


def test_a_cancellation_has_its_message(run):
    """
    A Task that is cancelled with a message gets it.
    """

    async def scenario():
        task = await begun(wait_for(Waiter(), []))
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        return caught.value.args

    assert run(scenario()) == ("enough",)


def test_a_cancellation_before_a_value(run):
    """
    A Task that is cancelled, and gets a value in the same turn, is cancelled.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []
        task = await begun(wait_for(waiter, seen))

        def both():
            task.cancel()
            if not waiter.called:
                waiter.callback("x")

        await outside_of_tasks(both)
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert run(scenario()) == []


def test_a_cancellation_after_a_value(run):
    """
    A Task whose value has come, and that is cancelled before it could go on, is cancelled.
    """

    async def scenario():
        waiter: Waiter[str] = Waiter()
        seen: list[str] = []
        task = await begun(wait_for(waiter, seen))
        waiter.callback("x")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert run(scenario()) == []


def test_a_wait_that_is_cancelled_early(run):
    """
    What is cancelled before its Task begins to wait for it is raised when it does.
    """

    async def scenario():
        wait = TaskWait(Waiter(), asyncio.get_running_loop())

        class Early:
            def __await__(self):
                assert wait.cancel()
                yield wait

        with pytest.raises(asyncio.CancelledError):
            await Early()

    run(scenario())


@pytest.mark.skipif(not hasattr(asyncio, "timeout"), reason="asyncio.timeout is new in 3.11")
def test_a_timeout_of_asyncios(run):
    """
    asyncio's own timeout ends a wait, and leaves the Task able to wait again.
    """

    async def scenario():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await Waiter()
        waiter: Waiter[str] = Waiter()
        asyncio.get_running_loop().call_soon(waiter.callback, "x")
        return await waiter

    assert run(scenario()) == "x"
