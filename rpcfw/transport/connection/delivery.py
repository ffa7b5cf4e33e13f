"""
Whether what was written to a connection is still on its way.

A peer answers a ping when it has read everything that was written before it. If that is a large
message, and the network is slow, it takes long, and no byte comes back meanwhile. But the peer's
system acknowledges what arrives. A peer that is frozen has a system that does so, too: for what
its buffers take. So only the bytes up to the ping are looked at.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from typing import Any

from twisted.internet.tcp import Connection as SocketTransport

__all__ = ["Delivery"]

#: ``struct tcp_info`` of Linux, up to and with ``tcpi_bytes_acked``, which is the last in it.
_INFO_BYTES = 128
_BYTES_ACKED = struct.Struct("@Q")
_BYTES_ACKED_AT = 120
_UNSENT = struct.Struct("@i")
#: Twisted keeps as much in memory before it says that the socket is full.
_BELOW_FULL_BYTES = 1 << 16


class Delivery:
    """
    Of what was written to one connection until now.

    Args:
        transport: of the connection. Without a TCP socket below it nothing is known.
        full: whether the socket accepts no more for now.
        queued_bytes: that were written since it became full.
    """

    __slots__ = ("_acknowledged", "_socket", "_target")

    def __init__(self, transport: Any, full: bool, queued_bytes: int) -> None:
        while transport is not None and not isinstance(transport, SocketTransport):
            transport = getattr(transport, "transport", None)
        self._socket = None if transport is None else transport.getHandle()
        self._acknowledged = self._target = self._read_acknowledged()
        self._target += self._unsent_bytes()
        if full:
            self._target += queued_bytes + _BELOW_FULL_BYTES

    def progresses(self) -> bool:
        """
        Tell whether more of it has arrived since the last look, and some has not.
        """
        before, self._acknowledged = self._acknowledged, self._read_acknowledged()
        return before < self._acknowledged < self._target

    def _read_acknowledged(self) -> int:
        """
        Return how many bytes the peer's system has acknowledged so far; 0 if that is not known.
        """
        if self._socket is None or not hasattr(socket, "TCP_INFO"):
            return 0
        try:
            found = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        except OSError:
            return 0  # it is closed, or no TCP
        if len(found) < _INFO_BYTES:
            return 0
        acknowledged: int
        (acknowledged,) = _BYTES_ACKED.unpack_from(found, _BYTES_ACKED_AT)
        return acknowledged

    def _unsent_bytes(self) -> int:
        """
        Return how many bytes in the socket are not acknowledged.
        """
        if self._socket is None:
            return 0
        try:
            found = fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(_UNSENT.size))
        except (OSError, ValueError):
            return 0
        unsent: int
        (unsent,) = _UNSENT.unpack(found)
        return unsent
