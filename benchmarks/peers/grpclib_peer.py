"""
grpclib, on uvloop, where it is fastest.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpclib.const
from grpclib.client import Channel, UnaryUnaryMethod
from grpclib.server import Server
from order_pb2 import Order, OrderApiCreate

from benchmarks.job import Job
from benchmarks.load import in_asyncio
from benchmarks.messages import answered

__all__ = ["call", "serve"]

_PATH = "/order.v1.OrderService/Create"


class _Orders:
    async def create(self, stream: Any) -> None:
        request = await stream.recv_message()
        order = answered(Order, request)
        await stream.send_message(order)

    def __mapping__(self) -> dict[str, grpclib.const.Handler]:
        unary = grpclib.const.Cardinality.UNARY_UNARY
        return {_PATH: grpclib.const.Handler(self.create, unary, OrderApiCreate, Order)}


def _run(coroutine: Any) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(coroutine)
    else:
        uvloop.run(coroutine)


async def _serve(job: Job) -> None:
    server = Server([_Orders()])
    await server.start("127.0.0.1", 0)
    listening: Any = server._server  # noqa: SLF001 - it does not tell its port otherwise
    job.ready(listening.sockets[0].getsockname()[1])
    await server.wait_closed()


def serve(job: Job) -> None:
    """
    Serve orders on uvloop.
    """
    _run(_serve(job))


async def _call(job: Job) -> None:
    request = OrderApiCreate(**job.fields)
    async with Channel("127.0.0.1", job.port) as channel:
        create = UnaryUnaryMethod(channel, _PATH, OrderApiCreate, Order)
        await job.measure(lambda: create(request), in_asyncio)


def call(job: Job) -> None:
    """
    Call from uvloop, on one connection.
    """
    _run(_call(job))
