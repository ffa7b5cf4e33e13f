"""
HTTP requests to the admin port of a process in memory.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.protocol import Factory, Protocol

from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.values.address import Address

__all__ = ["Connected", "Response", "connected", "get", "request_bytes"]


class Response(NamedTuple):
    """
    What came back.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, data):
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return cls(int(first.split()[1]), headers, body)


class Connected(Protocol):
    """
    A connection to the port, which keeps what it receives until it is closed.
    """

    def __init__(self):
        self.data = b""
        self.closed = Waiter()

    def dataReceived(self, data):
        self.data += data

    def connectionLost(self, reason=None):
        self.closed.callback(None)


async def connected(process, name="admin"):
    """
    Return a connection to ``memory:NAME``.
    """
    network = process.application.runtime.network
    return await network.client(Address("memory", name), 1.0).connect(
        Factory.forProtocol(Connected)
    )


def request_bytes(target, method="GET", body=b"", **headers):
    """
    Return a request as it is sent.
    """
    given = {"Host": "localhost", **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body:
        given["Content-Length"] = str(len(body))
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {text}" for name, text in given.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def get(process, target, method="GET", body=b"", **headers):
    """
    Return the response to a request.
    """
    connection = await connected(process)
    connection.transport.write(request_bytes(target, method, body, **headers))
    await connection.closed
    return Response.read(connection.data)
