"""
grpcio's asyncio server and client.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from order_pb2 import Order, OrderApiCreate

from benchmarks.job import Job
from benchmarks.load import Figures, Window, in_asyncio, streamed
from benchmarks.messages import answered

__all__ = ["OPTIONS", "SERVICE", "call", "client_credentials", "listen", "serve"]

SERVICE = "order.v1.OrderService"

#: A payload of 1 MiB fits in the default limits; these are for larger ones.
OPTIONS = [
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
]


def listen(server: Any, job: Job) -> int:
    """
    Let a server listen, with TLS if the job has a certificate, and return the port.
    """
    address = "127.0.0.1:0"
    if not job.certificate:
        port: int = server.add_insecure_port(address)
        return port
    pem = Path(job.certificate).read_bytes()
    credentials = grpc.ssl_server_credentials([(pem, pem)])
    secure: int = server.add_secure_port(address, credentials)
    return secure


def client_credentials(job: Job) -> Any:
    """
    Return what a client trusts.
    """
    return grpc.ssl_channel_credentials(Path(job.certificate).read_bytes())


def _channel(job: Job) -> Any:
    address = f"127.0.0.1:{job.port}"
    if job.certificate:
        return grpc.aio.secure_channel(address, client_credentials(job), OPTIONS)
    return grpc.aio.insecure_channel(address, OPTIONS)


async def _create(request: Any, context: Any) -> Any:
    return answered(Order, request)


async def _server_stream(request: Any, context: Any) -> AsyncIterator[Any]:
    order = answered(Order, request)
    while True:
        yield order


async def _serve(job: Job) -> None:
    server = grpc.aio.server(options=OPTIONS)
    read, write = OrderApiCreate.FromString, Order.SerializeToString
    methods = {
        "Create": grpc.unary_unary_rpc_method_handler(_create, read, write),
        "ServerStream": grpc.unary_stream_rpc_method_handler(_server_stream, read, write),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = listen(server, job)
    await server.start()
    job.ready(port)
    await server.wait_for_termination()


def serve(job: Job) -> None:
    """
    Serve orders on asyncio.
    """
    asyncio.run(_serve(job))


async def _call(job: Job) -> None:
    write, read = OrderApiCreate.SerializeToString, Order.FromString
    request = OrderApiCreate(**job.fields)
    async with _channel(job) as channel:
        if job.kind == "stream":
            follow = channel.unary_stream(f"/{SERVICE}/ServerStream", write, read)

            async def read_stream(window: Window) -> Figures:
                following = follow(request)
                figures = await streamed(following.__aiter__(), window)
                following.cancel()
                return figures

            await job.measure_stream(read_stream)
        else:
            create = channel.unary_unary(f"/{SERVICE}/Create", write, read)
            await job.measure(lambda: create(request), in_asyncio)


def call(job: Job) -> None:
    """
    Call from asyncio, on one channel.
    """
    asyncio.run(_call(job))
