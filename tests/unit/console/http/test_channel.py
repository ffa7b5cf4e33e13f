"""
Connections of the console whose peer does not close them.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from rpcfw.console.http.channel import HTTPLimits
from rpcfw.console.http.factory import BrowserFactory

HEAD = b"POST /login HTTP/1.1\r\nHost: c\r\n"


async def answer(request):
    raise AssertionError("a refused request is not answered")


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nname=\r\n0\r\n\r\n", b"411"),
        (b"Content-Length: 9\r\n\r\nname=1234", b"413"),
        (b"Content-Length: 9\r\nExpect: 100-continue\r\n\r\n", b"413"),
    ],
)
def test_a_refused_request_keeps_no_connection(rest, status):
    """
    After a refusal a connection is given up within the time of a request, though its body has come.

    In TLS a peer that does not take part keeps a connection from being closed.
    """
    clock = Clock()
    factory = BrowserFactory(answer, HTTPLimits(max_body=8, request_timeout_s=20.0), clock)
    channel = factory.buildProtocol(None)
    transport = StringTransport()
    channel.makeConnection(transport)
    head, _, body = rest.partition(b"\r\n\r\n")
    channel.dataReceived(HEAD + head + b"\r\n\r\n")
    channel.dataReceived(body)

    assert transport.value().startswith(b"HTTP/1.1 " + status)
    assert b"100 Continue" not in transport.value()
    assert (True, False) == (transport.disconnecting, transport.disconnected)
    clock.advance(20.0)
    assert transport.disconnected


@pytest.mark.parametrize("shown", ["10.0.0.9", "::ffff:10.0.0.9"])
def test_a_proxy_has_no_limit_of_its_own(shown):
    """
    A trusted proxy may have more connections than others, in whatever form its address comes.
    """
    limits = HTTPLimits(max_connections_per_address=2)
    factory = BrowserFactory(answer, limits, Clock(), frozenset(["10.0.0.9"]))
    for host, kept in ((shown, 5), ("10.0.0.8", 2)):
        transports = [StringTransport() for _ in range(5)]
        for transport in transports:
            channel = factory.buildProtocol(IPv4Address("TCP", host, 1))
            transport.abortConnection = transport.loseConnection
            channel.makeConnection(transport)
        assert kept == [each.disconnecting for each in transports].count(False)
