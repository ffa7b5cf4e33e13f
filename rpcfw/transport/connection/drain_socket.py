"""
Reading what arrived before a connection broke.

A server that closes a connection sends its last responses, and the system then resets the
connection if the server had not read all that we sent: a ping, or a window update. The
responses stay in our socket until they are read. But once Twisted cannot write, it reads no
more and drops them with the connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection as SocketTransport

__all__ = ["drain_socket"]

#: Maximum number of reads; more than any system's socket buffer holds.
_MAX_READS = 1024


def drain_socket(transport: Any) -> None:
    """
    Read the rest of a connection that Twisted is about to close.

    Does nothing if there is no socket under ``transport``.
    """
    while transport is not None and not isinstance(transport, SocketTransport):
        transport = getattr(transport, "transport", None)
    if transport is None:
        return
    for _ in range(_MAX_READS):
        try:
            data = transport.socket.recv(transport.bufferSize)
        except OSError:
            return  # nothing is left, or Twisted reports the error when it closes
        if not data:
            return
        transport.protocol.dataReceived(data)
