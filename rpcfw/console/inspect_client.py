"""
Asks one admin port for ``/inspect.json``, within limits of time and size.

The request is of HTTP/1.0: the response ends with the connection, and has no chunks.

For the credentials, it is a call of a service `ADMIN`, as it is for the authenticators of the port.
"""

from __future__ import annotations

from typing import Any

import msgspec
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from rpcfw.admin.gate import SERVICE as ADMIN
from rpcfw.app.application import Application
from rpcfw.console.inspected import Inspected, shortened
from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.credentials import Credentials
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.network.encrypted import is_encrypted
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Method, Shape

__all__ = ["InspectClient", "admin_credentials"]

_MAX_BYTES = 4 << 20
_CONNECT_S = 2.0
_INSPECT = Method(ADMIN, "inspect", Shape.UNARY, bytes, bytes, "raw")


class _Answer(Protocol):
    """
    Collects a response.
    """

    def __init__(self, host: str, credentials: Credentials | None) -> None:
        self._host = host
        self._credentials = credentials
        self.received = bytearray()
        self.done: Waiter[bytes] = Waiter()

    def connectionMade(self) -> None:
        """
        Ask.
        """
        assert self.transport is not None
        try:
            headers = _headers(self._credentials, encrypted=is_encrypted(self.transport))
        except (CallError, ValueError) as error:
            self._fail(f"it is not asked: {error}")
            self.end()
            return
        lines = ["GET /inspect.json HTTP/1.0", f"Host: {self._host}", *headers, "", ""]
        self.transport.write("\r\n".join(lines).encode())

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

    def __init__(self, host: str, credentials: Credentials | None) -> None:
        self._host = host
        self._credentials = credentials

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return _Answer(self._host, self._credentials)


class InspectClient:
    """
    Asks admin ports.

    Args:
        credentials: that they get; None: they get none.
    """

    def __init__(self, network: Network, credentials: Credentials | None = None) -> None:
        self._network = network
        self._credentials = credentials

    async def start(self) -> None:
        """
        Begin to have credentials.

        Raises:
            SetupError: they cannot be had.
        """
        if self._credentials is not None:
            await self._credentials.start()

    async def stop(self) -> None:
        """
        Have no credentials any longer.
        """
        if self._credentials is not None:
            await self._credentials.stop()

    async def inspect(self, address: Address) -> tuple[Inspected, int]:
        """
        Return what a process says of itself, and how many bytes it sent for that.

        Raises:
            RegistryError: it did not answer, or not with what was asked for.
        """
        factory = _Factory(address.authority or "localhost", self._credentials)
        try:
            protocol = await self._network.client(address, _CONNECT_S).connect(factory)
        except Exception as error:
            raise RegistryError(f"cannot connect: {error}") from error
        assert isinstance(protocol, _Answer)
        try:
            response = await protocol.done
        finally:
            protocol.end()
        return _read(response), len(response)


def admin_credentials(application: Application) -> Credentials | None:
    """
    Return the credentials for admin ports: those of ``[credentials rpcfw.Admin]``.

    Those for all services are not sent there: whoever can announce an instance can announce an
    admin port, without serving anything.
    """
    plan = application.plan.clients.get(ADMIN)
    context = application.runtime.plugin_context
    made = [each.make(context) for _, each in plan.credentials.inserts] if plan else []
    return next((each for each in made if isinstance(each, Credentials)), None)


def _headers(credentials: Credentials | None, *, encrypted: bool) -> list[str]:
    """
    Return the lines of the credentials.

    Raises:
        CallError: they are not for such a connection, or cannot be had.
        ValueError: they are nothing that a header can carry.
    """
    if credentials is None:
        return []
    call = Call(_INSPECT, b"")
    added = credentials.metadata(call, b"", path=_INSPECT.path, encrypted=encrypted)
    pairs = Metadata.of(tuple(added.pairs)).pairs  # checked again: a line more is another header
    texts = [(name, value) for name, value in pairs if isinstance(value, str)]
    if len(texts) < len(pairs):
        raise ValueError("the credentials are bytes, and a header is text")
    return [f"{name}: {value}" for name, value in texts]


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
