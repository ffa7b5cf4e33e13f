"""
grpcio's threaded server and blocking client: a thread for each call in flight.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from order_pb2 import Order, OrderApiCreate

from benchmarks.job import Job
from benchmarks.messages import answered
from benchmarks.peers.grpcio_aio import OPTIONS, SERVICE, client_credentials, listen

__all__ = ["call", "serve"]

#: More only fight for the interpreter's lock.
_WORKERS = 16


def _create(request: Any, context: Any) -> Any:
    return answered(Order, request)


def serve(job: Job) -> None:
    """
    Serve orders in threads.
    """
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=OPTIONS)
    method = grpc.unary_unary_rpc_method_handler(
        _create, OrderApiCreate.FromString, Order.SerializeToString
    )
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Create": method})
    server.add_generic_rpc_handlers((handler,))
    port = listen(server, job)
    server.start()
    job.ready(port)
    threading.Event().wait()


def _channel(job: Job) -> Any:
    address = f"127.0.0.1:{job.port}"
    if job.certificate:
        return grpc.secure_channel(address, client_credentials(job), OPTIONS)
    return grpc.insecure_channel(address, OPTIONS)


def call(job: Job) -> None:
    """
    Call from threads, on one channel.
    """
    request = OrderApiCreate(**job.fields)
    with _channel(job) as channel:
        create = channel.unary_unary(
            f"/{SERVICE}/Create", OrderApiCreate.SerializeToString, Order.FromString
        )

        def calls(in_flight: int) -> list[Callable[[], object]]:
            return [lambda: create(request)] * in_flight

        job.measure_threads(calls)
