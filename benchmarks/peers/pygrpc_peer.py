"""
pygrpc-native: grpcio's asyncio server with HTTP/2 and gRPC in Rust. It has no client.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pygrpc_native.aio
from order_pb2 import Order, OrderApiCreate

from benchmarks.job import Job
from benchmarks.messages import answered
from benchmarks.peers.grpcio_aio import OPTIONS, SERVICE

__all__ = ["serve"]


async def _create(request: Any, context: Any) -> Any:
    return answered(Order, request)


async def _serve(job: Job) -> None:
    server = pygrpc_native.aio.server(options=OPTIONS)
    create = grpc.unary_unary_rpc_method_handler(
        _create, OrderApiCreate.FromString, Order.SerializeToString
    )
    # As generated code does; what is added as a generic handler is served by grpcio itself.
    server.add_registered_method_handlers(SERVICE, {"Create": create})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    job.ready(port)
    await server.wait_for_termination()


def serve(job: Job) -> None:
    """
    Serve orders on asyncio.
    """
    asyncio.run(_serve(job))
