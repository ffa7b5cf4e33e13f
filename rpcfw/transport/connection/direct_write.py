"""
Writing to a socket in the turn that has something to say.

Twisted's ``write`` keeps the bytes until the reactor has asked the system whether the
socket is writable, which it nearly always is: three system calls and a turn of the
reactor for each write. That is a third of the time of a call that is alone on its
connection. So, where nothing is waiting to be written before them, bytes are offered
to the socket at once, and Twisted gets what it did not take.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.tcp import Connection as SocketTransport

__all__ = ["direct_write"]


def direct_write(transport: Any) -> Callable[[bytes], None]:
    """
    Return what writes to ``transport`` at once, or its own ``write`` if it has no socket.
    """
    write: Callable[[bytes], None] = transport.write
    if not isinstance(transport, SocketTransport):
        return write
    send = transport.socket.send

    def offer(data: bytes) -> None:
        # The two places where Twisted keeps what is still to be written.
        if transport.dataBuffer or transport._tempDataBuffer:  # noqa: SLF001
            write(data)
            return
        try:
            sent = send(data)
        except OSError:
            # Full, or broken: Twisted waits for the one and finds out about the other.
            write(data)
            return
        if sent < len(data):
            write(data[sent:])

    return offer
