"""
A connected transport calls its protocol without a wrapper between.
"""

from __future__ import annotations

from twisted.internet.endpoints import _WrappingFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from rpcfw.transport.network.direct_protocol import connect_directly


class Direct(Protocol):
    """
    A protocol that has its transport call it directly.
    """

    lost = None

    def connectionMade(self):
        connect_directly(self.transport, self)

    def connectionLost(self, reason=None):
        self.lost = reason


class Transport(StringTransport):
    """
    A socket's transport: it refers to its protocol.
    """

    protocol = None

    def connect(self, factory):
        self.protocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self)


def test_the_wrapper_of_an_endpoint_is_removed():
    """
    It has done its work once its Deferred has fired; the protocol hears of the end itself.
    """
    transport, factory = Transport(), _WrappingFactory(Factory.forProtocol(Direct))
    transport.connect(factory)
    direct = factory._onConnection.result  # noqa: SLF001  # what an endpoint returns
    assert direct is transport.protocol
    transport.protocol.connectionLost(Failure(ValueError("over")))
    assert "over" in str(direct.lost.value)


def test_a_protocol_without_a_wrapper_stays():
    """
    Servers' connections have none.
    """
    transport = Transport()
    transport.connect(Factory.forProtocol(Direct))
    assert type(transport.protocol) is Direct


def test_the_wrapper_below_tls_is_removed():
    """
    Over TLS the endpoint's wrapper is between the socket and TLS.
    """
    from rpcfw.transport.network.tls import TLS

    creator = TLS(None, Clock()).client_creator("localhost", "")
    inner = TLSMemoryBIOFactory(creator, isClient=True, wrappedFactory=Factory.forProtocol(Direct))
    transport = Transport()
    transport.connect(_WrappingFactory(inner))
    assert type(transport.protocol) is inner.protocol
    assert type(transport.protocol.wrappedProtocol) is Direct
