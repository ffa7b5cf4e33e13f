"""
The Tasks that serve calls where an asyncio loop runs.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import types
import weakref
from contextvars import ContextVar, copy_context

import pytest
from twisted.internet.defer import Deferred

from rpcfw.errors import Unavailable
from rpcfw.server.calls.eager_task import eager_task
from rpcfw.server.calls.tasks import AsyncioTask
from rpcfw.spi.runtime.waiting import Waiter

shade = ContextVar("shade", default="none")


@types.coroutine
def turn():
    """
    Give the loop one turn.
    """
    yield


class Ends:
    """
    Notes how a coroutine ended.
    """

    def __init__(self) -> None:
        self.seen = []
        self.come = asyncio.Event()

    def __call__(self, result, error) -> None:
        self.seen.append((result, type(error)))
        self.come.set()


def begun(coroutine):
    """
    Return the Task of a coroutine, made where requests are read: in the loop, and in no Task.
    """
    loop = asyncio.get_running_loop()
    made = loop.create_future()
    loop.call_soon(lambda: made.set_result(AsyncioTask(coroutine, copy_context(), loop)))
    return made


async def serve(coroutine):
    """
    Run a coroutine as a server does; return (result, type of error).
    """
    return await end_of(await begun(coroutine))


async def end_of(served):
    if served.task.done():
        return served.task.result(), type(served.error)
    ends = Ends()
    served.notify(ends)
    await ends.come.wait()
    assert len(ends.seen) == 1
    return ends.seen[0]


def served(coroutine):
    return asyncio.run(serve(coroutine))


async def value():
    return "x"


async def failing():
    raise Unavailable("away")


async def value_later():
    await turn()
    return "x"


async def failing_later():
    await turn()
    raise Unavailable("away")


async def value_of_a_deferred():
    deferred: Deferred[str] = Deferred()
    asyncio.get_running_loop().call_soon(deferred.callback, "x")
    return await deferred


async def value_of_a_waiter():
    waiter: Waiter[str] = Waiter()
    asyncio.get_running_loop().call_soon(waiter.callback, "x")
    return await waiter


@pytest.mark.parametrize("method", [value, value_later, value_of_a_deferred, value_of_a_waiter])
def test_a_result(method):
    """
    The result is reported once, whatever the coroutine has waited for.
    """
    assert served(method()) == ("x", type(None))


@pytest.mark.parametrize("method", [failing, failing_later])
def test_an_error(method):
    """
    So is an error.
    """
    assert served(method()) == (None, Unavailable)


def test_what_waits_for_nothing_ends_at_once():
    """
    A coroutine that waits for nothing has ended when its Task is made.
    """

    async def scenario():
        return (await begun(value())).task.result()

    assert asyncio.run(scenario()) == "x"


def test_the_loop_is_as_before():
    """
    A Task that begins at once leaves nothing behind in its loop, also if it cannot be made.
    """

    async def scenario():
        loop = asyncio.get_running_loop()
        await begun(value())
        left = vars(loop).get("call_soon")
        refused = loop.create_future()

        def make():
            with pytest.raises(TypeError):
                eager_task("no coroutine", loop=loop, context=copy_context())
            refused.set_result(vars(loop).get("call_soon"))

        loop.call_soon(make)
        return left, await refused

    assert asyncio.run(scenario()) == (None, None)


def test_within_another_task():
    """
    A Task that is made within another one interrupts it for no longer than its first step.
    """

    async def scenario():
        outer = asyncio.current_task()
        served = AsyncioTask(value_later(), copy_context(), asyncio.get_running_loop())
        assert asyncio.current_task() is outer
        return await end_of(served)

    assert asyncio.run(scenario()) == ("x", type(None))


def test_the_first_step_has_its_task():
    """
    What a method does before it first waits is done in its own Task.

    asyncio's timeouts and groups, and anyio's, look for the current one.
    """

    async def first_step():
        return asyncio.current_task()

    async def scenario():
        return await serve(first_step()), asyncio.current_task()

    (found, error), outer = asyncio.run(scenario())
    assert isinstance(found, asyncio.Task)
    assert found is not outer
    assert error is type(None)


@pytest.mark.skipif(not hasattr(asyncio, "timeout"), reason="new in 3.11")
def test_asyncios_blocks_in_the_first_step():
    """
    A timeout and a group may be entered and left before the first wait.
    """

    async def blocks():
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            group.create_task(value_later())
        return "x"

    assert served(blocks()) == ("x", type(None))


def test_the_context_is_the_calls():
    """
    All steps of a coroutine have the context that was given, and change no other.
    """

    async def change():
        shade.set("changed")
        await turn()
        return shade.get()

    async def scenario():
        shade.set("outer")
        return await serve(change()), shade.get()

    assert asyncio.run(scenario()) == (("changed", type(None)), "outer")


def test_a_call_that_is_cancelled():
    """
    A coroutine that is cancelled while it waits may clean up, and its end is reported then.
    """

    async def scenario():
        cleaned = []

        async def wait():
            try:
                await Waiter()
            finally:
                await turn()
                cleaned.append(True)

        task, ends = await begun(wait()), Ends()
        task.notify(ends)
        await turn()
        task.cancel()
        await ends.come.wait()
        return cleaned, ends.seen

    assert asyncio.run(scenario()) == ([True], [(None, asyncio.CancelledError)])


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="each Task begins at once")
@pytest.mark.parametrize("by_server", [True, False])
def test_a_call_that_is_cancelled_before_it_begins(by_server):
    """
    The end of a coroutine that was never begun is reported too, whoever cancels its Task.
    """

    async def scenario():
        task = AsyncioTask(value(), copy_context(), asyncio.get_running_loop())
        ends = Ends()
        task.notify(ends)
        (task if by_server else task.task).cancel()
        await ends.come.wait()
        return ends.seen

    assert asyncio.run(scenario()) == [(None, asyncio.CancelledError)]


class Marked:
    """
    An object of a method that fails; it is there for as long as the method's frame.
    """


@pytest.fixture
def no_collector():
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("turns", [0, 1])
def test_an_error_is_no_reference_cycle(turns):
    """
    What a method that fails has used is freed with its error, not by the garbage collector.
    """
    used = []

    async def fail():
        marked = Marked()
        used.append(weakref.ref(marked))
        for _ in range(turns):
            await turn()
        raise Unavailable("away")

    async def scenario():
        served = await begun(fail())
        error = served.take_error()
        del served
        assert used[0]() is not None
        del error
        return used[0]()

    assert asyncio.run(scenario()) is None


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from Python 3.12 Tasks begin at once within Tasks, too"
)
@pytest.mark.usefixtures("no_collector")
def test_a_task_that_is_cancelled_before_it_begins_is_no_reference_cycle():
    """
    A call that another Task begins, and that is cancelled at once, is freed at its end.
    """

    async def scenario():
        served, ends = AsyncioTask(value(), copy_context(), asyncio.get_running_loop()), Ends()
        served.notify(ends)
        task = weakref.ref(served.task)
        served.cancel()
        del served
        await ends.come.wait()
        await turn()
        return task()

    assert asyncio.run(scenario()) is None
