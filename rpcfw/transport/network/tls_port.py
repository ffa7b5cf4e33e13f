"""
TLS for a port whose factory may refuse a connection.

Twisted's own factory wraps what it is given, nothing too: a connection that was to be
closed at once would stay, without a protocol that could ever close it.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol

__all__ = ["TLSPort"]


class TLSPort(TLSMemoryBIOFactory):
    """
    Twisted's factory, but one that may return None to refuse a connection.
    """

    def buildProtocol(  # type: ignore[override]  # None closes it, as every factory may say
        self, addr: IAddress | None
    ) -> TLSMemoryBIOProtocol | None:
        inside = self.wrappedFactory.buildProtocol(addr)
        return None if inside is None else self.protocol(self, inside)
