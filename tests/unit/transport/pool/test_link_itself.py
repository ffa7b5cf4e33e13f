"""
Connections that end before the handshake, or have both ends here.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure

from rpcfw.transport.pool.link import LinkState
from tests.unit.transport.connection.test_driver import Socket
from tests.unit.transport.pool.test_link import Pending, World, error_in


def test_a_connection_that_reached_itself():
    """
    TCP lets a port be dialled from itself; that is nobody, and told as such.
    """
    network, socket = Pending(), Socket()
    here = IPv4Address("TCP", "127.0.0.1", 45_000)
    socket.hostAddr = socket.peerAddr = here
    world = World(network=network)
    got = world.want()
    network.factories[0].buildProtocol(None).makeConnection(socket)

    assert socket.aborted
    assert "the connection reached itself" in error_in(got).message
    assert LinkState.WAITING is world.link.state


@pytest.mark.parametrize("error", [ConnectionDone, ConnectionLost])
def test_a_connection_that_ends_before_the_handshake(error):
    """
    A peer that closes without a reason may speak another protocol, or TLS: the error asks.
    """
    network, socket = Pending(), Socket()
    world = World(network=network)
    got = world.want()
    driver = network.factories[0].buildProtocol(None)
    driver.makeConnection(socket)
    driver.connectionLost(Failure(error()))

    assert "does this port speak this protocol, without TLS?" in error_in(got).message
