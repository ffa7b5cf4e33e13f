"""
A Redis server of a test.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress

from tests.real.killable import KillableServer
from tests.real.ports import free_ports

__all__ = ["RedisServer"]


class RedisServer(KillableServer):
    """
    One server that stores nothing.

    Args:
        settings: further options of its command line.
        secure: all clients connect with TLS, as the settings say.
    """

    name = "redis-server"

    def __init__(self, settings: Sequence[str] = (), secure: bool = False) -> None:
        super().__init__(*free_ports(1))
        ports = ["--port", "0", "--tls-port"] if secure else ["--port"]
        self._settings = [*ports, str(self.port), *settings]

    def command(self) -> list[str]:
        kept = ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        return ["redis-server", "--bind", "127.0.0.1", *kept, *self._settings]

    def is_ready(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False
