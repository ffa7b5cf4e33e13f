"""
aio-msgpack-rpc: MessagePack without a schema, a time limit or a chain, on asyncio or uvloop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import aio_msgpack_rpc

from benchmarks.job import Job
from benchmarks.load import in_asyncio

__all__ = ["call", "serve"]


class _Orders:
    async def create(self, request: dict[str, Any]) -> dict[str, Any]:
        return {
            "order_id": request["order_id"],
            "user_id": request["user_id"],
            "remark": request["remark"],
            "reason_id": request["reason_id"],
        }


def _run(job: Job, main: Coroutine[Any, Any, None]) -> None:
    if job.peer == "aio-msgpack-rpc-uvloop":
        import uvloop

        uvloop.run(main)
    else:
        asyncio.run(main)


async def _serve(job: Job) -> None:
    server = await asyncio.start_server(aio_msgpack_rpc.Server(_Orders()), "127.0.0.1", 0)
    job.ready(server.sockets[0].getsockname()[1])
    await server.serve_forever()


def serve(job: Job) -> None:
    """
    Serve orders.
    """
    _run(job, _serve(job))


async def _call(job: Job) -> None:
    client = aio_msgpack_rpc.Client(*await asyncio.open_connection("127.0.0.1", job.port))
    order = job.fields
    await job.measure(lambda: client.call("create", order), in_asyncio)
    client.close()


def call(job: Job) -> None:
    """
    Call on one connection.
    """
    _run(job, _call(job))
