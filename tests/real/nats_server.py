"""
A NATS server of a test.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress

from tests.real.killable import KillableServer
from tests.real.ports import free_ports

__all__ = ["NATSServer"]


class NATSServer(KillableServer):
    """
    One server that stores nothing.

    Args:
        settings: lines of its configuration file.
    """

    name = "nats-server"

    def __init__(self, settings: Sequence[str] = ()) -> None:
        super().__init__(*free_ports(1))
        self._configuration = self.directory / "nats.conf"
        self._configuration.write_text("\n".join(settings))

    def command(self) -> list[str]:
        where = ["--addr", "127.0.0.1", "--port", str(self.port)]
        return ["nats-server", *where, "--config", str(self._configuration)]

    def is_ready(self) -> bool:
        # It sends INFO by itself.
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            return probe.recv(4) == b"INFO"
        return False
