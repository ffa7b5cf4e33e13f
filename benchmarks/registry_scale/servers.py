"""
The bus and the registry servers of a run, as users start them.
"""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack, suppress

from benchmarks.registry_scale.processes import Process, free_ports, until
from benchmarks.registry_scale.scale import Scale

__all__ = ["Servers"]


class Servers:
    """
    A NATS server, and a group of registry servers.
    """

    def __init__(self, scale: Scale, stack: ExitStack) -> None:
        bus, *self.ports = free_ports(scale.nodes + 1)
        self.bus = stack.enter_context(
            Process("nats-server", "--addr", "127.0.0.1", "--port", str(bus), "--log", "/dev/null")
        )
        until(lambda: _answers(bus), "nats-server listens", 10)
        self.nodes = [
            stack.enter_context(Process(*_command(scale, bus, port))) for port in self.ports
        ]

    def wait(self) -> None:
        """
        Wait until all registry servers listen.
        """
        for port in self.ports:
            until(lambda port=port: _answers(port), "a registry server listens", 30)  # type: ignore[misc]


def _command(scale: Scale, bus: int, port: int) -> list[str]:
    watches = 2 * scale.consumers * (2 * scale.watched + 1)
    settings = {
        "node.digest_interval": f"{scale.digest_s:g}s",
        "bus.plugin": "nats",
        "bus.address": f"127.0.0.1:{bus}",
        "server.max_connections": 50_000,
        "node.max_instances": 2 * scale.instances,
        "node.max_services": 2 * scale.services,
        "node.max_streams": 2 * scale.consumers,
        "node.max_watches": watches,
        # All of them call from one address, so they are one client.
        "node.max_client_instances": 2 * scale.instances,
        "node.max_client_services": 2 * scale.services,
        "node.max_client_bytes": "1GiB",
        "node.max_client_streams": 2 * scale.consumers,
        "node.max_client_watches": watches,
        "node.max_client_changes": "100000/s",
    }
    sets = [part for each in settings.items() for part in ("--set", "{}={}".format(*each))]
    listen = ("--listen", f"tcp:127.0.0.1:{port}")
    return [sys.executable, "-m", "rpcfw.cli.main", "registry", *listen, *sets]


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
