"""
A lab under asyncio: what belongs to asyncio may be awaited in it, and no time passes.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import pytest

from rpcfw import CallError, Service, method
from rpcfw.testing.lab import Lab


class Native(Service, name="demo.Native"):
    """
    Awaits asyncio's things.
    """

    @method
    async def after(self, seconds: float) -> float:
        await asyncio.sleep(seconds)
        return asyncio.get_running_loop().time()

    @method
    async def together(self, count: int) -> list[int]:
        return await asyncio.gather(*(asyncio.sleep(n, n) for n in range(count)))

    @method
    async def gives_up(self) -> str:
        try:
            await asyncio.wait_for(asyncio.sleep(3600), 60)
        except (TimeoutError, asyncio.TimeoutError):
            return "gave up"
        return "slept"

    @method
    async def in_a_thread(self, text: str) -> str:
        return await asyncio.to_thread(text.upper)

    @method
    async def ticks(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            await asyncio.sleep(1)
            yield number


@pytest.fixture
def loop_lab():
    with Lab(reactor="asyncio") as lab:
        lab.serve(Native())
        yield lab


def test_asyncios_things_are_awaited(loop_lab):
    """
    Sleeps, gatherings and time limits of asyncio's go by the lab's clock.
    """
    client = loop_lab.client(Native)
    assert 30 <= loop_lab.run(client.after(30, timeout=60))
    assert [0, 1, 2, 3] == loop_lab.run(client.together(4, timeout=60))
    assert "gave up" == loop_lab.run(client.gives_up(timeout=100), 100)
    assert "BOB" == loop_lab.run(client.in_a_thread("bob"))


def test_a_deadline_among_asyncios_sleeps(loop_lab):
    """
    A call is over at its deadline, whatever its method awaits.
    """
    with pytest.raises(CallError) as caught:
        loop_lab.run(loop_lab.client(Native).after(30, timeout=1))
    assert "DEADLINE_EXCEEDED" == caught.value.status.name


def test_a_test_in_a_coroutine(loop_lab):
    """
    A coroutine of the lab may let the lab's time pass.
    """

    async def main():
        reading = loop_lab.begin(every(loop_lab.client(Native).ticks(2)))
        loop_lab.advance(3)
        return reading.value

    assert [0, 1] == loop_lab.run(main())


async def every(stream):
    return [message async for message in stream]


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_a_lab_in_a_loop(reactor):
    """
    A lab stands on its own in a test that asyncio runs, and leaves its loop as it was.
    """

    async def main():
        loop = asyncio.get_running_loop()
        with Lab(reactor=reactor) as lab:
            lab.serve(Greeter())
            assert "hello bob" == lab.run(lab.client(Greeter).say("bob"))
        assert loop is asyncio.get_running_loop()
        await asyncio.sleep(0)
        return "done"

    hooks = sys.get_asyncgen_hooks()
    assert "done" == asyncio.run(main())
    assert hooks == sys.get_asyncgen_hooks()


class Greeter(Service, name="demo.Greeter"):
    @method
    async def say(self, name: str) -> str:
        return f"hello {name}"


def test_what_is_left_of_tasks_fails_the_test():
    """
    A Task that fails where nobody looks is found when the lab is left.
    """

    async def fails():
        raise KeyError("nobody looks")

    async def main():
        asyncio.get_running_loop().create_task(fails())  # that is the fault

    with pytest.raises(AssertionError, match="nobody looks"), Lab(reactor="asyncio") as lab:
        lab.run(main())
