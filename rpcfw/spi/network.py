"""
Connections to servers that speak no RPC, such as a message broker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint

__all__ = ["ClientNetwork"]


class ClientNetwork(Protocol):
    """
    Connects to any address that the process can connect to.
    """

    def client(self, address: Address, timeout_s: float) -> IStreamClientEndpoint:
        """
        Return the endpoint that connects to ``address``; with TLS if it says so.

        Raises:
            SetupError: TLS is not installed, or something cannot be used.
        """

    def client_tls(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        Return what ``transport.startTLS`` needs, for a protocol that begins without TLS.

        Args:
            host: whose name the server's certificate must have.

        Raises:
            SetupError: TLS is not installed, or something cannot be used.
        """

    def secured(self, files: TLSFiles) -> ClientNetwork:
        """
        Return the same network with these TLS files instead of those of ``[tls]``.
        """
