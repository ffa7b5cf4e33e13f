"""
Asks one admin port for ``/inspect.json``, within limits of time and size.

The request is of HTTP/1.0: the response ends with the connection, and has no chunks.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from rpcfw.console.inspected import Inspected, shortened
from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address

__all__ = ["inspect"]

_MAX_BYTES = 4 << 20
_CONNECT_S = 2.0


class _Answer(Protocol):
    """
    Collects a response.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self.received = bytearray()
        self.done: Waiter[bytes] = Waiter()

    def connectionMade(self) -> None:
        """
        Ask.
        """
        request = f"GET /inspect.json HTTP/1.0\r\nHost: {self._host}\r\n\r\n"
        assert self.transport is not None
        self.transport.write(request.encode())

    def dataReceived(self, data: bytes) -> None:
        """
        Keep what comes, up to the limit.
        """
        if self.done.called:
            return
        self.received += data
        if len(self.received) > _MAX_BYTES:
            self.received.clear()
            self._fail(f"it sent more than {_MAX_BYTES} bytes")
            self.end()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """
        The response is whole.
        """
        if not self.done.called:
            self.done.callback(bytes(self.received))

    def end(self) -> None:
        """
        Close the connection, whatever the other end does: it may never take part in that.
        """
        if self.transport is not None:
            transport: Any = self.transport
            transport.abortConnection()

    def _fail(self, reason: str) -> None:
        if not self.done.called:
            self.done.errback(RegistryError(reason))


class _Factory(ClientFactory):
    noisy = False

    def __init__(self, host: str) -> None:
        self._host = host

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Answer(self._host)


async def inspect(network: Network, address: Address) -> Inspected:
    """
    Return what a process says of itself.

    Raises:
        RegistryError: it did not answer, or not with what was asked for.
    """
    host = address.authority or "localhost"
    try:
        protocol = await network.client(address, _CONNECT_S).connect(_Factory(host))
    except Exception as error:
        raise RegistryError(f"cannot connect: {error}") from error
    assert isinstance(protocol, _Answer)
    try:
        response = await protocol.done
    finally:
        protocol.end()
    return _read(response)


def _read(response: bytes) -> Inspected:
    head, _, body = response.partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if len(words) < 2 or words[1] != b"200":
        shown = b" ".join(words[1:])[:100].decode("latin-1")
        raise RegistryError(f"expected the page /inspect.json; got: {shown or 'nothing'}")
    try:
        return shortened(msgspec.json.decode(body, type=Inspected))
    except (ValueError, RecursionError) as error:
        raise RegistryError(f"/inspect.json cannot be read: {error}") from None
