"""
Addresses to Twisted endpoints: TCP with or without TLS, Unix socket, and memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXClientEndpoint,
)
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IListeningPort,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.network.host_names import AnyHostnameEndpoint
from rpcfw.transport.network.inherited import listen_inherited
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.network.tls import TLS
from rpcfw.transport.network.unix_socket import SocketPathBusy, free_path
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket
from rpcfw.values.tls_files import TLSFiles

__all__ = ["Network"]

#: Connections that may wait to be accepted: after the death of a server, thousands come at once.
_BACKLOG = 4096
#: How often, and how far apart, a Unix path is tried that is another process's turn.
_TURNS = 100
_TURN_S = 0.01


class Network:
    """
    Listens and connects, for one process.

    Args:
        reactor: Twisted's.
        memory: the in-process network; processes in memory that are to reach each other share one.
        tls: secures tls: addresses.
    """

    def __init__(
        self, reactor: Any, memory: MemoryNetwork | None = None, tls: TLS | None = None
    ) -> None:
        self._reactor = reactor
        self._memory = memory or MemoryNetwork(reactor)
        self._tls = tls or TLS(None, reactor)
        self._alpn = ""
        #: The connections that are closed and still write; copies share it.
        self.lingering = Lingering()

    def speaking(self, alpn: str) -> Network:
        """
        Return the same network for clients of one protocol, which TLS sends to the server.
        """
        bound = copy(self)
        bound._alpn = alpn  # noqa: SLF001  # a copy of this very object
        return bound

    def secured(self, files: TLSFiles) -> Network:
        """
        Return the same network for a client with TLS files of its own.
        """
        bound = copy(self)
        bound._tls = TLS.of_files(files, self._reactor)  # noqa: SLF001  # a copy of this very object
        return bound

    def client(self, address: Address, timeout_s: float) -> IStreamClientEndpoint:
        """
        Return the endpoint that connects to ``address``.

        Raises:
            SetupError: TLS cannot be had.
        """
        if address.scheme in ("tcp", "tls"):
            endpoint = AnyHostnameEndpoint(
                self._reactor,
                address.at or address.host,
                address.port,
                timeout=timeout_s,
                attemptDelay=0.25,
            )
            if address.scheme == "tcp":
                return endpoint
            return self._tls.client(endpoint, address.host, self._alpn, str(address))
        if address.scheme == "unix":
            return UNIXClientEndpoint(self._reactor, address.host, timeout=int(timeout_s) or 1)
        return _MemoryClient(self._memory, address.host)

    def client_tls(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        Return what begins TLS on a connection that began without: see `ClientNetwork`.

        Raises:
            SetupError: TLS cannot be had.
        """
        return self._tls.client_creator(host, self._alpn)

    def listen(
        self, address: Address, factory: IProtocolFactory, alpn: Sequence[str] = ()
    ) -> Deferred[IListeningPort]:
        """
        Listen at ``address``.

        Args:
            alpn: names of the protocols spoken there, best first, for TLS.

        Raises:
            SetupError: TLS cannot be had.
        """
        if address.scheme == "tls":
            factory = self._tls.server(factory, alpn)
        if address.scheme == "unix":
            return spawn(self._listen_unix(address.host, factory))
        return self._server(address).listen(factory)

    def listen_inherited(
        self, where: InheritedSocket, factory: IProtocolFactory, alpn: Sequence[str] = ()
    ) -> list[IListeningPort]:
        """
        Listen at a socket that another process opened; at several if they have one name.

        Args:
            alpn: as for `listen`.

        Raises:
            SetupError: there is no such socket, or TLS cannot be had.
        """
        if where.secure:
            factory = self._tls.server(factory, alpn)
        return listen_inherited(self._reactor, where, factory)

    async def _listen_unix(self, path: str, factory: IProtocolFactory) -> IListeningPort:
        tries = 0
        while True:
            try:
                with free_path(path):
                    port: IListeningPort = self._reactor.listenUNIX(
                        path, factory, _BACKLOG, mode=0o600
                    )
                return port
            except SocketPathBusy:
                tries += 1
                if tries >= _TURNS:
                    raise
            await sleep(self._reactor, _TURN_S)

    def _server(self, address: Address) -> IStreamServerEndpoint:
        if address.scheme == "memory":
            return _MemoryServer(self._memory, address.host)
        endpoint = TCP6ServerEndpoint if ":" in address.host else TCP4ServerEndpoint
        return endpoint(self._reactor, address.port, interface=address.host, backlog=_BACKLOG)


@implementer(IStreamClientEndpoint)
class _MemoryClient:
    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self._name = name

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        try:
            return succeed(self._network.connect(self._name, factory))
        except ConnectError as error:
            return fail(error)


@implementer(IStreamServerEndpoint)
class _MemoryServer:
    def __init__(self, network: MemoryNetwork, name: str) -> None:
        self._network = network
        self._name = name

    def listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        try:
            return succeed(self._network.listen(self._name, factory))
        except OSError as error:
            return fail(error)
