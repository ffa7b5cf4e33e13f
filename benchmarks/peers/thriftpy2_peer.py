"""
thriftpy2, with its Cython protocol and transport.

Thrift has one call on a connection at a time, so each call in flight has its own
connection and, as thriftpy2 blocks, its own thread at both ends. The others have one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import thriftpy2
from thriftpy2.protocol import TCyBinaryProtocolFactory
from thriftpy2.rpc import make_client
from thriftpy2.server import TThreadedServer
from thriftpy2.thrift import TProcessor
from thriftpy2.transport import TCyBufferedTransportFactory, TServerSocket

from benchmarks.job import Job
from benchmarks.messages import answered

__all__ = ["call", "serve"]


def _idl(job: Job) -> Any:
    return thriftpy2.load(str(Path(job.modules, "order.thrift")), module_name="order_thrift")


class _Orders:
    def __init__(self, order: Any) -> None:
        self._order = order

    def create(self, request: Any) -> Any:
        return answered(self._order, request)


class _Listening(TServerSocket):
    """
    A server's socket that tells its port once it has one.
    """

    def __init__(self, job: Job) -> None:
        super().__init__("127.0.0.1", 0, client_timeout=None, backlog=512)
        self._job = job

    def listen(self) -> None:
        super().listen()
        self._job.ready(self.sock.getsockname()[1])


def serve(job: Job) -> None:
    """
    Serve orders, a thread for each connection.
    """
    idl = _idl(job)
    server = TThreadedServer(
        TProcessor(idl.OrderService, _Orders(idl.Order)),
        _Listening(job),
        iprot_factory=TCyBinaryProtocolFactory(),
        itrans_factory=TCyBufferedTransportFactory(),
        daemon=True,
    )
    server.serve()


def call(job: Job) -> None:
    """
    Call from threads, a connection for each.
    """
    idl = _idl(job)
    request = idl.Order(**job.fields)
    connections: list[Any] = []

    def calls(in_flight: int) -> list[Callable[[], object]]:
        while len(connections) < in_flight:
            connections.append(
                make_client(
                    idl.OrderService,
                    "127.0.0.1",
                    job.port,
                    proto_factory=TCyBinaryProtocolFactory(),
                    trans_factory=TCyBufferedTransportFactory(),
                )
            )
        return [lambda one=one: one.create(request) for one in connections[:in_flight]]

    job.measure_threads(calls)
