"""
How much a server logs of peers that do harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.kernel.settings import options_of
from rpcfw.server.connections.age import ConnectionAges
from rpcfw.server.connections.connections import ConnectionTable
from rpcfw.server.options import ServerOptions
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.network.sniffing import Acceptor
from rpcfw.transport.network.tls import TLS, TLSOptions
from tests.unit.transport.ends import native

#: Enough to fill a disk, were each of them a line.
MANY = 3000


class Port:
    """
    Where peers come to, on a clock of its own.
    """

    def __init__(self, wrap: Callable[[Factory], Any], **options: Any) -> None:
        self.clock = Clock()
        self.network = MemoryNetwork(self.clock)
        timers = Timers(self.clock)
        given = evolve(options_of(ServerOptions), **options)
        accept: Any = None
        capacity = Capacity(given.max_connections, 0, self.clock.seconds)
        lifetimes = ConnectionAges(timers, Random(1), given)
        connections = ConnectionTable(accept, self.clock, given, lifetimes, Pauses(), capacity)
        acceptor = Acceptor(
            [native()],
            lambda protocol: protocol.server(Limits(), ()),
            connections,
            self.clock,
            10.0,
            BufferQuota(1 << 20),
            capacity,
        )
        self.network.listen("port", wrap(acceptor))

    def send(self, data: bytes) -> Protocol:
        """
        Connect, and send bytes.
        """
        peer: Any = self.network.connect("port", Factory.forProtocol(Protocol))
        peer.transport.write(data)
        for _ in range(6):
            self.clock.advance(0)
        return peer


@contextmanager
def lines() -> Iterator[list[str]]:
    """
    Collect what is logged meanwhile.
    """
    collected: list[str] = []
    with capturedLogs() as logs:
        yield collected
    collected += [formatEvent(event) or "" for event in logs]


def test_failed_handshakes_make_few_lines(tmp_path: Path) -> None:
    """
    Peers that speak no TLS are told of, with the reason, in a handful of lines a minute.
    """
    pytest.importorskip("OpenSSL")
    from tests.certificates import Authority

    issued = Authority(tmp_path).issue("server", "localhost")
    tls = TLS(
        evolve(options_of(TLSOptions), certificate=issued.certificate, key=issued.key), Clock()
    )
    port = Port(lambda acceptor: tls.server(acceptor, []))

    with lines() as logged:
        for _ in range(MANY):
            port.send(b"GET / HTTP/1.1\r\n\r\n")
        port.clock.advance(60)
        port.send(b"GET / HTTP/1.1\r\n\r\n")

    assert 6 == len(logged)
    assert all("TLS handshake with" in line and "failed: http request" in line for line in logged)
    assert f"{MANY - 5} lines of this kind were withheld" in logged[-1]


def test_broken_connections_make_few_lines() -> None:
    """
    Peers that break the protocol's rules are told of in a handful of lines a minute.
    """
    client = native().client(Limits(), ())
    client.start()
    hostile = client.take_output() + b"\xff" * 64
    port = Port(lambda acceptor: acceptor)

    with lines() as logged:
        for _ in range(MANY):
            port.send(hostile)

    assert 5 == len(logged)
    assert all("broken off by this side" in line for line in logged)


def test_connections_over_the_limit_make_few_lines() -> None:
    """
    A server that is full says so in a handful of lines a minute.
    """
    port = Port(lambda acceptor: acceptor, max_connections=1)
    kept = port.send(b"")

    with lines() as logged:
        for _ in range(MANY):
            with suppress(ConnectError):
                port.send(b"")

    assert kept.connected
    assert 5 == len(logged)
    assert all("max_connections of 1" in line for line in logged)


def test_peers_that_only_connect_make_no_line() -> None:
    """
    A health check that connects and goes is nothing to tell of.
    """
    port = Port(lambda acceptor: acceptor)

    with lines() as logged:
        peer: Any = port.send(b"")
        peer.transport.loseConnection()
        port.clock.advance(0)

    assert [] == logged
