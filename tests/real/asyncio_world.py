"""
One process under an asyncio loop, served and called from both worlds.

Run as a program: ``python asyncio_world.py REACTOR``. Prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import AsyncIterator

from rpcfw import Application, CallError, Service, context, method


class Mixed(Service, name="demo.Mixed"):
    """
    Methods that await asyncio's things, and Twisted's.
    """

    def __init__(self):
        self.closed = []
        self.greeter = None

    @method
    async def now(self, text: str) -> str:
        return text

    @method
    async def after(self, seconds: float) -> str:
        try:
            await asyncio.sleep(seconds)
        finally:
            self.closed.append("after")
        return "slept"

    @method
    async def twisted(self, seconds: float) -> str:
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        await deferLater(reactor, seconds, lambda: None)
        return "waited"

    @method
    async def together(self, count: int) -> int:
        if sys.version_info < (3, 11):
            return sum(await asyncio.gather(*(self._one(number) for number in range(count))))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._one(number)) for number in range(count)]
        return sum(task.result() for task in tasks)

    async def _one(self, number):
        # Nested calls in Tasks of the method's own.
        return int(await self.greeter.now(str(number)))

    @method
    async def gives_up(self) -> str:
        try:
            if sys.version_info < (3, 11):
                return await asyncio.wait_for(self.greeter.after(5), 0.05)
            async with asyncio.timeout(0.05):
                return await self.greeter.after(5)
        except (TimeoutError, asyncio.TimeoutError):
            return "gave up"

    @method
    async def count(self, count: int, wait: float) -> AsyncIterator[int]:
        try:
            for number in range(count):
                yield number
                await asyncio.sleep(wait)
        finally:
            await asyncio.sleep(0)
            self.closed.append("count")

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        return sum([number async for number in numbers])

    @method
    async def double(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            await asyncio.sleep(0.001)
            yield 2 * number

    @method
    async def says(self, text: str) -> AsyncIterator[str]:
        context().send_metadata({"heard": text})
        context().send_trailers({"bye": text})
        yield text


async def every(stream):
    return [message async for message in stream]


async def numbers(count):
    for number in range(count):
        await asyncio.sleep(0)
        yield number


async def shapes(client, messages):
    """
    Return what a call of each shape gave; ``messages(count)`` makes what is sent.
    """
    stream = client.says("x")
    said = [dict(await stream.metadata()), await every(stream), dict(stream.trailers)]
    async with client.double() as talk:
        await talk.send(4)
        four = await talk.__anext__()
        await talk.end()
        rest = await every(talk)
    return [
        await client.now("a"),
        await client.after(0.01),
        await client.twisted(0.01),
        await client.together(5),
        await client.gives_up(),
        await every(client.count(3, 0.001)),
        await client.total([1, 2, 3]),
        await client.total(messages(4)),
        await every(client.double(messages(3))),
        said,
        [four, rest],
    ]


async def error_of(awaitable):
    try:
        return await awaitable
    except CallError as error:
        return error.status.name


async def cancelled_tasks(client, service):
    """
    Give up calls in every state, from Tasks.
    """
    service.closed.clear()
    tasks = []
    for pause in (None, 0, 0.02):
        for coroutine in (client.after(5), every(client.count(100, 1)), client.total(endless())):
            task = asyncio.get_running_loop().create_task(coroutine)
            if pause is not None:
                await asyncio.sleep(pause)
            task.cancel()
            tasks.append(task)
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.sleep(0.05)
    return [type(one).__name__ for one in ended], sorted(set(service.closed))


async def dropped(client, service):
    """
    Stop reading streams, in every way that says nothing.
    """

    async def doubled():
        async for number in client.count(1000, 0.001):
            yield 2 * number

    async def fails():
        async for _ in client.count(1000, 0.001):
            raise KeyError

    service.closed.clear()
    async for _ in client.count(1000, 0.001):
        break
    await client.count(1000, 0.001).__anext__()
    await asyncio.gather(fails(), return_exceptions=True)
    generator = doubled()
    await generator.__anext__()
    await generator.aclose()
    await doubled().__anext__()  # the loop closes what nobody refers to
    gc.collect()
    for _ in range(1000):
        if len(service.closed) == 5:
            break
        await asyncio.sleep(0.01)
    return service.closed


async def endless():
    while True:
        yield 1
        await asyncio.sleep(0.001)


async def cancelled_deferreds(client, service):
    """
    Give up calls in every state, from Deferreds.
    """
    from twisted.internet.defer import Deferred

    from rpcfw.spi.runtime.waiting import spawn

    service.closed.clear()
    ended = []
    for begin in (Deferred.fromCoroutine, spawn):
        for pause in (None, 0, 0.02):
            for coroutine in (client.after(5), every(client.count(100, 1))):
                if begin is Deferred.fromCoroutine and pause is None:
                    coroutine.close()  # what has not begun cannot be given up there
                    continue
                deferred = begin(coroutine)
                deferred.addErrback(lambda failure: ended.append(failure.type.__name__))
                if pause is not None:
                    await asyncio.sleep(pause)
                deferred.cancel()
    await asyncio.sleep(0.05)
    return sorted(set(ended)), sorted(set(service.closed))


#: They tell of what is known of nodes, as long as a client is there, and where the server is.
STATES = {"rpcfw_client_nodes", "rpcfw_server_phase"}


def left(application):
    """
    Return what is still counted as going on.
    """
    meter = application.runtime.plugin_context.meter
    gauges = [
        (family.name, labels, one.value)
        for family in meter
        if family.kind.__name__ == "Gauge" and family.name not in STATES
        for labels, one in family
        if one.value
    ]
    nodes = [node.in_flight for client in application.clients for node in client.nodes]
    return [gauges, application.server.in_flight, sum(nodes)]


async def main(application, service):
    from twisted.internet.defer import Deferred

    await application.start()
    client = service.greeter = application.client(Mixed)
    loop = asyncio.get_running_loop()
    results = {
        "task": await loop.create_task(shapes(client, numbers)),
        # Nothing here may await asyncio's things: Twisted drives it.
        "deferred": await Deferred.fromCoroutine(shapes(client, range)).asFuture(loop),
        "deadline": await loop.create_task(error_of(client.after(5, timeout=0.05))),
        "stream deadline": await error_of(every(client.count(9, 1, timeout=0.05))),
        "tasks": await cancelled_tasks(client, service),
        "deferreds": await cancelled_deferreds(client, service),
        "dropped": await loop.create_task(dropped(client, service)),
        "at once": [await client.now(str(n)) for n in range(3)]
        + await asyncio.gather(*(client.now(str(n)) for n in range(50))),
    }
    await asyncio.sleep(0.05)
    results["left"] = left(application)
    await application.stop()
    gc.collect()
    return results


if __name__ == "__main__":
    SERVICE = Mixed()
    APPLICATION = Application.from_ini(
        sets=[
            f"app.reactor={sys.argv[1]}",
            "registry.plugin=memory",
            "server.listen=tcp:127.0.0.1:0",
            "app.log_level=warn",
        ],
        services=[SERVICE],
    )
    from twisted.internet import reactor

    def run():
        task = asyncio.get_running_loop().create_task(main(APPLICATION, SERVICE))
        task.add_done_callback(lambda _: reactor.stop())
        TASKS.append(task)

    TASKS = []
    reactor.callLater(0, run)
    reactor.run()
    print(json.dumps(TASKS[0].result()))  # noqa: T201 - a program
