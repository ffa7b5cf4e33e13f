"""
How a simulated client connects: one attempt, and a function that is called if it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ClientFactory, Protocol
from twisted.python.failure import Failure

__all__ = ["connect"]


class _Factory(ClientFactory):
    noisy = False

    def __init__(self, make: Callable[[], Protocol], failed: Callable[[str], None]) -> None:
        self._make = make
        self._failed = failed

    def buildProtocol(self, addr: IAddress) -> Protocol:
        return self._make()

    def clientConnectionFailed(  # noqa: N802 - it is Twisted's
        self, connector: Any, reason: Failure
    ) -> None:
        self._failed(str(reason.value))


def connect(
    reactor: Any, address: str, make: Callable[[], Protocol], failed: Callable[[str], None]
) -> None:
    """
    Open a connection to HOST:PORT.
    """
    host, _, port = address.rpartition(":")
    reactor.connectTCP(host, int(port), _Factory(make, failed))
