"""
One process in which the time of day is set while a registry, a provider and a consumer run.

Run as a program: ``python stepped_world.py HOW REGISTRY ADDRESS STEP_S``, with HOW one of
``epoll``, ``select``, ``asyncio``, ``uvloop`` and ``asyncio.run``, and REGISTRY ``standalone``
(which runs here, too) or ``etcd``. Prints what it saw as JSON.

What is measured is measured by the monotonic clock, and begins before and after the step.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

#: What somebody set the time of day by.
STEP = [0.0]
_time = time.time
# Before Twisted looks for it.
time.time = lambda: _time() + STEP[0]

from rpcfw.app.application import Application  # noqa: E402
from rpcfw.errors import DeadlineExceeded  # noqa: E402
from rpcfw.kernel.settings import Sources  # noqa: E402
from rpcfw.spi.runtime.waiting import Waiter, run_detached, sleep, spawn  # noqa: E402
from rpcfw.spi.service import Service, method  # noqa: E402
from rpcfw_registries.standalone.node.options import NodeOptions  # noqa: E402
from rpcfw_registries.standalone.node.service import node_services  # noqa: E402

#: Leases are asked for so long, and instances are looked for when they would have ended.
LEASE_S = 2.0
LIMIT_S = 1.5


class Greeter(Service, name="demo.Greeter"):
    """
    Answers at once, later, or never.
    """

    def __init__(self):
        self.later = Waiter()

    @method
    async def say(self, name: str) -> str:
        return f"hello {name}"

    @method
    async def wait(self) -> str:
        return await self.later

    @method
    async def never(self) -> str:
        return await Waiter()


class World:
    """
    What runs in the process.
    """

    def __init__(self, how, registry, address, step_s):
        self.how = how
        self.registry = registry
        self.address = address
        self.step_s = step_s
        self.seen = {}

    def application(self, *sets, services=()):
        reactor = {"select": "epoll", "asyncio.run": "asyncio"}.get(self.how, self.how)
        return Application.from_ini(
            sets=[f"app.reactor={reactor}", *sets], environ={}, services=services
        )

    def member(self, *sets, services=()):
        """
        Return an application that finds others, and is found, by the registry.
        """
        given = [
            "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
            "plugins.registries.etcd=rpcfw_registries.etcd.registry:EtcdRegistry",
            "plugins.registries.standalone=rpcfw_registries.standalone.registry:StandaloneRegistry",
            f"registry.plugin={self.registry}",
            f"registry.address={self.address}",
            f"registry.lease={LEASE_S:g}s",
            "client.removal_grace=0s",
        ]
        return self.application(*given, *sets, services=services)

    async def run(self):
        if self.registry == "standalone":
            options = Sources.load(environ={}).section("node", NodeOptions)
            node = self.application(
                "server.listen=tcp:127.0.0.1:0",
                services=lambda around: node_services(options, around),
            )
            async with node:
                self.address = str(node.server.addresses[0])
                await self.step()
        else:
            await self.step()
        return self.seen

    async def step(self):
        greeter = Greeter()
        provider = self.member("server.listen=tcp:127.0.0.1:0", services=[greeter])
        consumer = self.member()
        client = consumer.client(Greeter)
        clock = consumer.runtime.clock
        async with provider, consumer:
            seen = self.seen
            seen["before"] = await client.say("bob")
            snapshots = []
            watch = consumer.registry.watch("demo.Greeter", snapshots.append)
            # Begun before the step: one that is answered after it, and one that never is.
            open_call = spawn(client.wait(timeout="30s"))
            hanging = spawn(self.overrun(client))
            await sleep(clock, 0.1)
            STEP[0] = self.step_s
            seen["took_s"] = [await run_detached(_result(hanging)), await self.overrun(client)]
            began = time.monotonic()
            await sleep(clock, 2 * LEASE_S)
            seen["slept_s"] = time.monotonic() - began
            seen["counts"] = sorted({len(one.instances) for one in snapshots})
            seen["after"] = await client.say("ann")
            greeter.later.callback("answered")
            seen["open"] = await run_detached(_result(open_call))
            seen["date"] = abs(consumer.runtime.plugin_context.time_of_day() - time.time()) < 60
            watch.close()

    async def overrun(self, client):
        """
        Return how long a call took that nobody answers.
        """
        began = time.monotonic()
        try:
            await client.never(timeout=f"{LIMIT_S:g}s")
        except DeadlineExceeded:
            return time.monotonic() - began
        raise AssertionError


async def _result(deferred):
    return await deferred


def main(how, registry, address, step_s):
    world = World(how, registry, address, float(step_s))
    if how == "asyncio.run":
        return asyncio.run(world.run())
    if how == "select":
        from twisted.internet import selectreactor

        selectreactor.install()
    outermost = world.application()
    return outermost.run(world.run)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))  # noqa: T201 - a program
