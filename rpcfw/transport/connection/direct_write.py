"""
Writing to a socket in the same turn of the reactor.

Twisted's ``write`` keeps the bytes until the reactor has asked the system whether the
socket is writable, which it nearly always is: three system calls and a turn of the
reactor for each write. That is a third of the time of a call that is alone on its
connection. So, if no earlier bytes wait, bytes are offered to the socket at once, and
Twisted gets what the socket did not accept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Connection as SocketTransport

__all__ = ["direct_write"]


def direct_write(transport: Any) -> Callable[[bytes], None]:
    """
    Return a function that writes to the socket at once; without one, ``transport.write``.
    """
    write: Callable[[bytes], None] = transport.write
    if not isinstance(transport, SocketTransport):
        return write
    send = transport.socket.send

    def offer(data: bytes) -> None:
        # The two places where Twisted keeps unwritten bytes.
        if transport.dataBuffer or transport._tempDataBuffer:  # noqa: SLF001
            write(data)
            return
        try:
            sent = send(data)
        except OSError:
            # The socket is full or broken. Twisted waits for it, or finds the error itself.
            write(data)
            return
        if sent < len(data):
            write(data[sent:])

    return offer
