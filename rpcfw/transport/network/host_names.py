"""
An endpoint for every host name that the system's resolver may know.

Twisted takes those alone that the rules of internationalised names allow (RFC 5891). But
the names of containers and of Windows hosts have underscores, double hyphens and hyphens
at the edge, and resolvers answer for them: a name in DNS is any bytes (RFC 2181, 11).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from rpcfw.values.localhost import LOOPBACK, is_localhost

__all__ = ["AnyHostnameEndpoint"]

_MAX_LABEL = 63
_MAX_NAME = 253


class AnyHostnameEndpoint(HostnameEndpoint):
    """
    Connects to a host by the name as it is written, if that is ASCII.

    ``localhost`` is the loopback address where the resolver does not know it.
    """

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803  # Twisted's
        connecting: Deferred[Any] = super().connect(protocolFactory)
        if is_localhost(self._hostText):
            connecting.addErrback(self._connect_to_loopback, protocolFactory)
        return connecting

    def _connect_to_loopback(self, failure: Failure, factory: IProtocolFactory) -> Deferred[Any]:
        failure.trap(DNSLookupError)
        loopback = TCP4ClientEndpoint(self._reactor, LOOPBACK, self._port, self._timeout)
        return loopback.connect(factory)

    @staticmethod
    def _hostAsBytesAndText(host: bytes | str) -> tuple[bool, bytes, str]:  # noqa: N802  # Twisted's
        if isinstance(host, str) and _fits(host):
            return False, host.encode("ascii"), host
        return HostnameEndpoint._hostAsBytesAndText(host)  # noqa: SLF001  # the rest is its own


def _fits(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return (
        host.isascii()
        and ":" not in host
        and len(host) <= _MAX_NAME
        and all(1 <= len(label) <= _MAX_LABEL for label in labels)
    )
