"""
Where the coroutines of an application may be awaited.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.affinity import Affinity, check_loop
from rpcfw.spi.runtime.waiting import Waiter


def in_a_thread(function, *arguments):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *arguments).result()


@pytest.fixture
def affinity():
    made = Affinity()
    yield made
    made.release()


def test_anywhere_before_the_start(affinity):
    """
    An application that has not started has no place yet.
    """
    affinity.check("a call")
    in_a_thread(affinity.check, "a call")


def test_a_thread(affinity):
    """
    An application of a plain reactor is bound to the thread that it was started in.
    """
    affinity.bind(None, real=False)
    affinity.check("a call")
    with pytest.raises(SetupError, match="a call is awaited in another thread"):
        in_a_thread(affinity.check, "a call")


def test_a_loop(affinity):
    """
    An application of an asyncio loop is bound to that loop.
    """

    async def main():
        affinity.bind(asyncio.get_running_loop(), real=False)
        affinity.check("a call")
        with pytest.raises(SetupError, match="outside of its application's asyncio loop"):
            await asyncio.to_thread(affinity.check, "a call")

    async def later():
        affinity.check("a call")

    asyncio.run(main())
    with pytest.raises(SetupError, match="loop of its application was closed"):
        asyncio.run(later())


def test_what_waits_in_a_loop_without_a_reactor(affinity):
    """
    While applications run elsewhere, whatever waits in another loop is refused at once.
    """

    async def wait():
        await Waiter()

    affinity.bind(None, real=True)
    with pytest.raises(SetupError, match="in an asyncio loop of the thread"):
        asyncio.run(wait())
    affinity.release()
    asyncio.run(told())


async def told():
    check_loop(asyncio.get_running_loop())


def test_a_fork(affinity):
    """
    A forked child has none of its parent's places.
    """
    affinity.bind(None, real=True)
    affinity.fork()
    with pytest.raises(SetupError, match="was forked"):
        affinity.check("a call")
