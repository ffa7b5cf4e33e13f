"""
A NATS server of a test.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.real.hosts import THIS_HOST, Host
from tests.real.killable import KillableServer
from tests.real.ports import free_ports

__all__ = ["NATSServer"]


class NATSServer(KillableServer):
    """
    One server that stores nothing.

    Args:
        settings: lines of its configuration file.
        host: where it runs.
    """

    name = "nats-server"

    def __init__(self, settings: Sequence[str] = (), host: Host = THIS_HOST) -> None:
        super().__init__(*free_ports(1), host)
        self._configuration = self.directory / "nats.conf"
        self._configuration.write_text("\n".join(settings))

    def command(self) -> list[str]:
        where = ["--addr", self.host.address, "--port", str(self.port)]
        return ["nats-server", *where, "--config", str(self._configuration)]

    def is_ready(self) -> bool:
        return self.accepts()
