"""
The ports of a server: where it listens, and why it cannot.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from rpcfw.errors import SetupError
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.inherited import address_of
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket

__all__ = ["Ports"]

_HINTS = {
    errno.EADDRINUSE: ": end what listens there, or name another port; port 0 is any free one",
    errno.EACCES: ": ports below 1024 take privileges; name a higher one",
    errno.EADDRNOTAVAIL: ": this machine has no such address; 0.0.0.0 is every one that it has",
}


class PortFactory(Protocol):
    """
    Makes the protocols of one port's connections: a factory of Twisted's.
    """

    @property
    def alpn(self) -> Sequence[str]:
        """
        Names of the protocols spoken there, best first, for TLS.
        """


class Ports:
    """
    The listening sockets of one server.

    Args:
        network: opens ports.
        make_factory: returns the factory of one port's connections.
    """

    log = Logger()

    def __init__(self, network: Network, make_factory: Callable[[], PortFactory]) -> None:
        self._network = network
        self._make_factory = make_factory
        self._open: list[IListeningPort] = []
        #: Where it listens; a port of 0 has become a real one.
        self.addresses: tuple[Address, ...] = ()

    async def listen(self, where: Address | InheritedSocket) -> None:
        """
        Accept connections at an address, or from sockets that are open already.

        Raises:
            SetupError: that cannot be; says why, and what to do.
        """
        made = self._make_factory()
        factory: Any = made  # as Twisted types it
        try:
            if isinstance(where, InheritedSocket):
                ports = self._network.listen_inherited(where, factory, made.alpn)
            else:
                ports = [await self._network.listen(where, factory, made.alpn)]
        except Exception as error:
            raise SetupError(f"cannot listen at {where}: {_why(error)}") from error
        self._open += ports
        for port in ports:
            address = _bound_address(where, port)
            self.addresses += (address,)
            source = f" ({where})" if isinstance(where, InheritedSocket) else ""
            self.log.info("listening at {address}{source}", address=str(address), source=source)

    def close(self) -> list[Any]:
        """
        Listen no longer; return a Deferred or None for each port, to be awaited.
        """
        ports, self._open = self._open, []
        return [port.stopListening() for port in ports]


def _bound_address(where: Address | InheritedSocket, port: IListeningPort) -> Address:
    if isinstance(where, InheritedSocket):
        return address_of(port, secure=where.secure)
    if where.scheme in ("tcp", "tls"):
        bound: Any = port.getHost()
        return Address(where.scheme, where.host, bound.port)
    return where


def _why(error: Exception) -> str:
    """
    Return why an address cannot be listened at, and what to do.
    """
    reason = getattr(error, "socketError", error)  # of Twisted's CannotListenError
    return f"{reason}{_HINTS.get(getattr(reason, 'errno', None) or 0, '')}"
