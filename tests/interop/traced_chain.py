"""
``python -m tests.interop.traced_chain URL REACTOR``: a call through three services and three wires.

Buyer, over the native wire, calls Front; that, over gRPC, Middle; that, over Dubbo, Back, which is
not ready the first time. Each is an application of its own, and sends its spans to URL.
"""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack

from rpcfw import Application, ApplicationError, Service, Status, method
from rpcfw.status import Hint

__all__ = ["main"]


class Back(Service, name="demo.Back"):
    """
    The last one.
    """

    calls = 0

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        self.calls += 1
        if self.calls == 1:
            raise ApplicationError(Status.UNAVAILABLE, "not yet", hints=Hint.SAFE_TO_REPEAT)
        return f"item {key}"


class Relay(Service):
    """
    Asks the next one.
    """

    following = None

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        return await self.following(key)


class Middle(Relay, name="demo.Middle"):
    """
    Between.
    """


class Front(Relay, name="demo.Front"):
    """
    The first one.
    """


def application(name, url, reactor, wire, services=(), target=None):
    """
    Return one of the processes.
    """
    sets = [
        f"app.name={name}",
        f"app.reactor={reactor}",
        "app.protocols=native, grpc, dubbo",
        f"client.protocols={wire}",
        "server.protocols=native, grpc, dubbo",
        "server.listen=tcp:127.0.0.1:0",
        "tracing.plugin=otel",
        "tracing.exporter=otlp",
        f"tracing.endpoint={url}",
        "registry.plugin=memory",
    ]
    if target is not None:
        service, address = target
        sets += [
            "registry.plugin=static",
            f"registry.instances={service} = {address} protocols={wire}",
        ]
    return Application.from_ini(sets=sets, services=services)


def main():
    """
    Make the one call, and end.
    """
    url, reactor = sys.argv[1:]
    starter = application("starter", url, reactor, "native")
    chain = ("back", Back(), "dubbo"), ("middle", Middle(), "dubbo"), ("front", Front(), "grpc")

    async def call():
        async with AsyncExitStack() as stack:
            target, before = None, None
            for name, service, wire in chain:
                made = application(name, url, reactor, wire, [service], target)
                await stack.enter_async_context(made)
                if before is not None:
                    service.following = made.client(before).get
                before = type(service)
                target = before.service_name, made.server.addresses[0]
            last = application("buyer", url, reactor, "native", (), target)
            await stack.enter_async_context(last)
            sys.stdout.write(f"{await last.client(Front).get(7)}\n")

    starter.run(call)


if __name__ == "__main__":
    main()
