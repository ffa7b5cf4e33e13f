"""
rpcfw itself, with the chain that it has by default.

On the client: registry, routing, balancer, retry, deadline and metrics; on the server:
metrics and deadline. One peer is on Twisted's epoll reactor and one on uvloop, on
both sides.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable
from typing import Any

import order_pb2
from twisted.internet.defer import FirstError, gatherResults

from benchmarks.job import Job
from benchmarks.load import Figures, Window, streamed
from benchmarks.messages import answered
from benchmarks.peers.reactors import run_reactor
from rpcfw.app.application import Application
from rpcfw.codegen.dynamic import services_from_descriptor
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["call", "gather", "serve"]

SERVICE = "order.v1.OrderService"

#: gRPC in place of the native wire; declared, since a source tree will do.
_GRPC = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "app.protocols=grpc",
    "server.protocols=grpc",
    "client.protocols=grpc",
)

#: As much as the other peers take, for messages that the default limits refuse or hold back.
#: And memory is kept for the next message, eight times 16 MiB: see docs/performance.md.
_LARGE = (
    "app.retained_memory=128MiB",
    "client.timeout=1min",
    "limits.max_receive_bytes=64MiB",
    "limits.max_unread_bytes=4GiB",
    "server.max_buffered_bytes=4GiB",
    "server.max_connection_buffered_bytes=4GiB",
)
_LARGE_BYTES = 1 << 20

OrderService: Any = services_from_descriptor(order_pb2.DESCRIPTOR)[SERVICE]


class _Orders(OrderService):
    async def create(self, request: Any) -> Any:
        return answered(order_pb2.Order, request)

    async def server_stream(self, request: Any) -> AsyncIterator[Any]:
        order = answered(order_pb2.Order, request)
        while True:
            yield order


def _application(job: Job, *sets: str, services: tuple[Any, ...] = ()) -> Application:
    reactor = "uvloop" if job.peer == "rpcfw-uvloop" else "epoll"
    wires = _GRPC if job.wire == "grpc" else ()
    large = _LARGE if job.remark_bytes > _LARGE_BYTES else ()
    sets = (f"app.reactor={reactor}", *wires, *large, *sets, *job.sets)
    return Application.from_ini(sets=sets, services=services)


def serve(job: Job) -> None:
    """
    Serve orders.
    """
    listen, tls = "tcp:127.0.0.1:0", ()
    if job.certificate:
        listen = "tls:127.0.0.1:0"
        tls = (f"tls.certificate={job.certificate}", f"tls.key={job.certificate}")
    sets = ("registry.plugin=memory", f"server.listen={listen}", *tls)
    application = _application(job, *sets, services=(_Orders(),))

    async def start() -> None:
        await application.start()
        assert application.server is not None
        addresses = application.server.addresses
        job.ready(addresses[0].port, *map(str, addresses))

    run_reactor(start(), stays=True)


async def gather(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """
    Run coroutines at once, and wait for all.
    """
    try:
        await gatherResults([spawn(coroutine) for coroutine in coroutines], consumeErrors=True)
    except FirstError as error:
        # It says what was wrong, which would stand far above the end of the trace.
        raise error.subFailure.value from None


def call(job: Job) -> None:
    """
    Call as a consumer does that was told the provider's address in its INI.
    """
    scheme = "tls" if job.certificate else "tcp"
    addresses = job.addresses or (f"{scheme}:127.0.0.1:{job.port}",)
    nodes = ", ".join(f"{address} protocols={job.wire} zone=near" for address in addresses)
    sets = ("registry.plugin=static", f"registry.instances={SERVICE} = {nodes}")
    if job.certificate:
        sets = (*sets, f"tls.ca={job.certificate}")
    application = _application(job, *sets)
    request = order_pb2.OrderApiCreate(**job.fields)

    async def measure() -> None:
        orders = application.client(OrderService)
        await application.start()
        if job.kind == "stream":

            async def read_stream(window: Window) -> Figures:
                async with orders.server_stream(request) as messages:
                    return await streamed(messages, window)

            await job.measure_stream(read_stream)
        else:
            await job.measure(lambda: orders.create(request), gather)
        await application.stop()

    run_reactor(measure(), stays=False)
