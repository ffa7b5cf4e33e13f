"""
Names that the system's resolver does not know.
"""

from __future__ import annotations

import pytest
from twisted.internet.interfaces import IHostnameResolver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from rpcfw.transport.network.host_names import AnyHostnameEndpoint


@implementer(IHostnameResolver)
class Nobody:
    """
    A resolver that knows no name.
    """

    def resolveHostName(self, resolutionReceiver, *_, **__):  # noqa: N802, N803  # Twisted's
        """
        Say at once that there is no address.
        """
        resolutionReceiver.resolutionBegan(self)
        resolutionReceiver.resolutionComplete()
        return self


@pytest.mark.parametrize(("name", "dialled"), [("localhost", ["127.0.0.1"]), ("shop", [])])
def test_localhost_is_dialled_without_a_resolver(name, dialled):
    """
    It is the loopback address in a container without a hosts file; another name is unknown.
    """
    reactor = MemoryReactorClock()
    reactor.installNameResolver(Nobody())
    connecting = AnyHostnameEndpoint(reactor, name, 2210).connect(Factory.forProtocol(Protocol))
    failures = []
    connecting.addErrback(failures.append)

    assert dialled == [host for host, *_ in reactor.tcpClients]
    assert [not dialled] == [bool(failures)]
