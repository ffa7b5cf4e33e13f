"""
A client waits for no close_notify of its peer.
"""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

from rpcfw.transport.connection.tls_close import close_transport


class Open(TLSMemoryBIOFactory):
    """
    Connections whose handshake is done, as far as they know.
    """

    def buildProtocol(self, addr):
        secured = super().buildProtocol(addr)
        secured._handshakeDone = True  # noqa: SLF001 - no bytes are exchanged here
        return secured


@pytest.mark.parametrize("wait_for_peer", [True, False])
def test_the_connection_below_tls(wait_for_peer):
    """
    A client closes it at once, whatever its peer does; a server waits for the peer.
    """
    below = StringTransport()
    secured = Open(CertificateOptions(), True, Factory.forProtocol(Protocol)).buildProtocol(None)
    secured.makeConnection(below)

    close_transport(secured, wait_for_peer)

    assert secured.disconnecting
    assert below.disconnecting is not wait_for_peer


@pytest.mark.parametrize("wait_for_peer", [True, False])
def test_a_connection_without_tls(wait_for_peer):
    """
    It is closed once it has sent what it has.
    """
    plain = StringTransport()

    close_transport(plain, wait_for_peer)

    assert plain.disconnecting
