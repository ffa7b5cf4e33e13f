"""
Programs that make, start and call applications in the right places and in wrong ones.

Run as a program: ``python places_world.py WHAT [REACTOR]``. Prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator

import rpcfw
from rpcfw.errors import RPCFWError

SETS = [
    "registry.plugin=memory",
    "server.listen=tcp:127.0.0.1:0",
    "app.log_level=warn",
    "retry.max_attempts=1",
]
if len(sys.argv) > 2:
    SETS.append(f"app.reactor={sys.argv[2]}")


class Greeter(rpcfw.Service, name="demo.Greeter"):
    @rpcfw.method
    async def say(self, name: str) -> str:
        return f"hello {name}"

    @rpcfw.method
    async def count(self, to: int) -> AsyncIterator[int]:
        for number in range(to):
            yield number


def make():
    return rpcfw.Application.from_ini(sets=SETS, services=[Greeter()])


async def whole(app, name="bob"):
    async with app:
        return await app.client(Greeter).say(name)


async def told(coroutine):
    """
    Return what an awaited coroutine is told, which must be at once.
    """
    try:
        return await asyncio.wait_for(coroutine, 20)
    except RPCFWError as error:
        return str(error)


def in_a_thread(function):
    box = []

    def run():
        try:
            box.append(function())
        except RPCFWError as error:
            box.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return box[0]


# What works.


def in_a_coroutine():
    async def main():
        return await whole(make())

    return asyncio.run(main())


def at_module_level():
    return asyncio.run(whole(APP))


def run_at_module_level():
    async def main():
        return await APP.client(Greeter).say("bob")

    return APP.run(main)


def run_in_a_thread():
    return in_a_thread(run_at_module_level)


def loop_in_a_thread():
    return in_a_thread(in_a_coroutine)


def one_loop_after_another():
    return [in_a_coroutine() for _ in range(3)]


def blocking_in_a_loop():
    """
    As in a notebook, whose cells run in a loop.
    """

    async def main():
        with rpcfw.blocking(sets=[*SETS, *CLIENT]) as app:
            return app.application.runtime.reactor.running

    return asyncio.run(main())


def from_another_thread():
    async def main():
        async with make() as app:
            loop = asyncio.get_running_loop()

            def call():
                coroutine = app.client(Greeter).say("bob")
                return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

            return await asyncio.to_thread(call)

    return asyncio.run(main())


# What is refused, at once.


def epoll_in_a_loop():
    from twisted.internet import reactor  # noqa: F401  # it installs one

    return asyncio.run(told(whole(APP)))


def made_in_a_loop_of_epolls():
    from twisted.internet import reactor  # noqa: F401

    async def main():
        return await told(whole(make()))

    try:
        return asyncio.run(main())
    except RPCFWError as error:
        return str(error)


def told_of_epoll():
    return asyncio.run(told(whole(APP)))


def in_another_loop():
    """
    Everything that can be awaited of an application, in the loop of another thread.
    """

    async def elsewhere(app, stream, channel):
        client = app.client(Greeter)
        return [
            await told(client.say("bob")),
            await told(anext(client.count(2))),
            await told(anext(stream)),
            await told(channel.close()),
            await told(app.start()),
            await told(app.stop()),
            await told(app.__aenter__()),
        ]

    async def main():
        async with make() as app:
            client = app.client(Greeter)
            stream = client.count(3)
            first = await anext(stream)

            def work():
                return asyncio.run(elsewhere(app, stream, app.channel("demo.Greeter")))

            seen = await asyncio.to_thread(work)
            return [first, await client.say("bob"), *seen]

    return asyncio.run(main())


def after_its_loop():
    async def begin():
        app = make()
        await app.start()
        return app

    app = asyncio.run(begin())
    return [
        asyncio.run(told(app.client(Greeter).say("bob"))),
        asyncio.run(told(app.stop())),
    ]


def run_in_a_loop():
    async def main():
        app = make()
        try:
            app.run(app.start)
        except RPCFWError as error:
            return [str(error), await whole(app)]
        return "ran"

    return asyncio.run(main())


def run_twice():
    async def main():
        return "first"

    first = APP.run(main)
    try:
        make().run(main)
    except RPCFWError as error:
        return [first, str(error)]
    return "ran"


def loop_beside_blocking():
    """
    A client of the reactor's thread, awaited in a loop of the program's own.
    """
    with rpcfw.blocking(sets=[*SETS, *CLIENT]) as app:
        inner = app.application

        async def main():
            return [
                await told(inner.client(Greeter).say("bob")),
                await told(inner.stop()),
            ]

        async def another():
            return await told(whole(make()))

        try:
            new = asyncio.run(another())
        except RPCFWError as error:
            new = str(error)
        return [*asyncio.run(main()), new]


CLIENT = ["registry.plugin=static", "registry.instances=demo.Greeter = tcp:127.0.0.1:1"]

if __name__ == "__main__":
    APP = make()
    print(json.dumps(globals()[sys.argv[1]]()))  # noqa: T201 - a program
