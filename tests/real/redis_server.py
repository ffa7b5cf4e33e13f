"""
A Redis server of a test.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.real.hosts import THIS_HOST, Host
from tests.real.killable import KillableServer
from tests.real.ports import free_ports

__all__ = ["RedisServer"]


class RedisServer(KillableServer):
    """
    One server that stores nothing.

    Args:
        settings: further options of its command line.
        secure: all clients connect with TLS, as the settings say.
        host: where it runs.
    """

    name = "redis-server"

    def __init__(
        self, settings: Sequence[str] = (), secure: bool = False, host: Host = THIS_HOST
    ) -> None:
        super().__init__(*free_ports(1), host)
        ports = ["--port", "0", "--tls-port"] if secure else ["--port"]
        self._settings = [*ports, str(self.port), *settings]

    def command(self) -> list[str]:
        kept = ["--save", "", "--appendonly", "no", "--dir", str(self.directory)]
        # Otherwise only the own host may connect, as there are no passwords.
        bind = ["--bind", self.host.address, "--protected-mode", "no"]
        return ["redis-server", *bind, *kept, *self._settings]

    def is_ready(self) -> bool:
        return self.accepts()
