"""
What a peer has said before a connection broke.

A server that closes a connection with its last answers sends them, and then breaks the
connection if it had something of ours unread: a ping, or room for more of an answer. The
system keeps what has come until it is read, but Twisted, once it cannot write, reads no
more: with the connection it drops answers that are there.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.tcp import Connection as SocketTransport

__all__ = ["drain_socket"]

#: So often is read at most; more than any system keeps.
_MAX_READS = 1024


def drain_socket(transport: Any) -> None:
    """
    Hand on what was not yet read of a connection that Twisted is about to close.

    Does nothing where there is no socket below ``transport``.
    """
    while transport is not None and not isinstance(transport, SocketTransport):
        transport = getattr(transport, "transport", None)
    if transport is None:
        return
    for _ in range(_MAX_READS):
        try:
            data = transport.socket.recv(transport.bufferSize)
        except OSError:
            return  # there is no more, or it is told by whoever closes it
        if not data:
            return
        transport.protocol.dataReceived(data)
