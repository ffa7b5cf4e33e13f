"""
Addresses to Twisted endpoints: TCP, Unix socket, and memory within one process.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ServerEndpoint,
    TCP6ServerEndpoint,
    UNIXClientEndpoint,
    UNIXServerEndpoint,
)
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from rpcfw.transport.memory import MemoryNetwork
from rpcfw.values.address import Address

__all__ = ["Network"]


class Network:
    """
    The ways to listen and to connect that one process has.

    Args:
        reactor: Twisted's.
        memory: the in-process network; processes in memory that are to reach
            each other share one.
    """

    def __init__(self, reactor: Any, memory: MemoryNetwork | None = None) -> None:
        self._reactor = reactor
        self._memory = memory or MemoryNetwork(reactor)

    def client(self, address: Address, timeout_s: float) -> IStreamClientEndpoint:
        """
        Return the endpoint that connects to ``address``.
        """
        if address.scheme == "tcp":
            return HostnameEndpoint(
                self._reactor, address.host, address.port, timeout=timeout_s, attemptDelay=0.25
            )
        if address.scheme == "unix":
            return UNIXClientEndpoint(self._reactor, address.host, timeout=int(timeout_s) or 1)
        return _MemoryClient(self._memory, address.host)

    def server(self, address: Address) -> IStreamServerEndpoint:
        """
        Return the endpoint that listens at ``address``.
        """
        if address.scheme == "unix":
            return UNIXServerEndpoint(self._reactor, address.host, mode=0o600)
        if address.scheme == "memory":
            return _MemoryServer(self._memory, address.host)
        endpoint = TCP6ServerEndpoint if ":" in address.host else TCP4ServerEndpoint
        return endpoint(self._reactor, address.port, interface=address.host, backlog=1024)


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
