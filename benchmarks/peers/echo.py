"""
The limit: bare Twisted sends the same number of bytes back, and nothing is read in them.

The client has no coroutine and no Deferred either: it counts bytes, and sends the
next message as one has come back. No framework can be cheaper on this reactor.
"""

from __future__ import annotations

import sys
from collections import deque
from time import perf_counter
from typing import Any

from attrs import asdict
from twisted.internet import reactor as installed_reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol

from benchmarks.job import Job, Order
from benchmarks.load import Window

__all__ = ["call", "serve"]

reactor: Any = installed_reactor


class _Echo(Protocol):
    transport: Any

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(data)


class _Asking(Protocol):
    """
    Keeps so many messages in flight.
    """

    transport: Any

    def __init__(self, job: Job) -> None:
        self._job = job
        self._message = b"x" * _message_bytes(job)
        self._orders = job.orders()
        self._sent: deque[float] = deque()
        self._received = 0
        self._windows: list[float] = []

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self._next_order()

    def _next_order(self) -> None:
        order = next(self._orders, None)
        if order is None:
            reactor.stop()
            return
        self._order: Order = order
        self._windows = [order.seconds, order.seconds / 4]
        self._next_window()

    def _next_window(self) -> None:
        self._window = Window(self._job.server_pid, self._windows.pop())
        for _ in range(self._order.in_flight):
            self._send()

    def _send(self) -> None:
        self._sent.append(perf_counter())
        self.transport.write(self._message)

    def dataReceived(self, data: bytes) -> None:
        count, self._received = divmod(self._received + len(data), len(self._message))
        window, now = self._window, perf_counter()
        for _ in range(count):
            window.taken.append(now - self._sent.popleft())
        if now < window.until:
            self._sent.extend([now] * count)
            self.transport.write(self._message * count)
        elif not self._sent:
            self._ended()

    def _ended(self) -> None:
        figures = self._window.close()
        if self._windows:
            self._next_window()
            return
        self._job.report(asdict(figures))
        self._next_order()


def _message_bytes(job: Job) -> int:
    from order_pb2 import OrderApiCreate

    return len(OrderApiCreate(**job.fields).SerializeToString())


def serve(job: Job) -> None:
    """
    Send back what comes.
    """
    port = reactor.listenTCP(0, Factory.forProtocol(_Echo), interface="127.0.0.1")
    job.ready(port.getHost().port)
    reactor.run()


def call(job: Job) -> None:
    """
    Send and count.
    """
    endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", job.port)
    connecting = connectProtocol(endpoint, _Asking(job))
    connecting.addErrback(lambda failure: (failure.printTraceback(sys.stderr), reactor.stop()))
    reactor.run()
