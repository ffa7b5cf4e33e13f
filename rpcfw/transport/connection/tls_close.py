"""
Closing a TLS connection without waiting for the peer's close_notify.

TLS wants each side to send a close_notify alert, but not to wait for the other's (RFC 8446
section 6.1). Twisted waits for it, and some peers never send one: gRPC's C core just waits
for the TCP connection to end. A client has nothing more to receive, so it does not wait.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import INegotiated

__all__ = ["close_transport"]


def close_transport(transport: Any, wait_for_peer: bool) -> None:
    """
    Close a connection once all that was written is sent, over TLS the close_notify too.

    Args:
        transport: Twisted's, with TLS or without.
        wait_for_peer: over TLS, wait for the peer's close_notify. A server does: while it
            reads on, no reset can take its last bytes away from the client.
    """
    transport.loseConnection()
    if not wait_for_peer and _is_tls(transport):
        transport.transport.loseConnection()


def _is_tls(transport: Any) -> bool:
    # Only TLS negotiates a protocol. Twisted's class for it needs pyOpenSSL, an extra.
    return INegotiated.providedBy(transport)
