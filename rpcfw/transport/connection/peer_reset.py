"""
Finding out that the peer is gone while its bytes wait here.

A connection that has read more than a turn's work is not read on, so Twisted does not see its
end. The work that waits is for nobody then, and an overloaded process would go on with it
for seconds. A reset is seen by asking for the state of the socket. A peer that only closed
its side (FIN) may have sent one-way calls before, and is read to its end as usual.
"""

from __future__ import annotations

import select
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.tcp import Connection as SocketTransport
from twisted.python.failure import Failure

from rpcfw.transport.connection.drain_socket import drain_socket

__all__ = ["end_if_reset"]


def end_if_reset(transport: Any) -> bool:
    """
    End the connection if its peer has reset it; return whether it had.

    What the peer had sent before is read first. Does nothing without a socket.
    """
    under = transport
    while under is not None and not isinstance(under, SocketTransport):
        under = getattr(under, "transport", None)
    if under is None or not under.connected:
        return False
    poll = select.poll()
    poll.register(under.fileno(), 0)  # an error and a hang-up are always reported
    if not poll.poll(0):
        return False
    drain_socket(transport)
    if under.connected:
        under.connectionLost(Failure(ConnectionLost("the peer has reset the connection")))
    return True
