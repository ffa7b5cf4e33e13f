"""
Three registry servers that a broker joins, as processes; and how soon a change is at all three.

By hand, with more changes than a test has time for:

    python -m tests.real.joined nats 500
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.internet import reactor
from twisted.internet.task import react

from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.values.address import Address
from tests.lab.registry_world import World
from tests.real.commands import COMMAND
from tests.real.killable import Ensemble, KillableServer
from tests.real.nats_server import NATSServer
from tests.real.passing_time import after
from tests.real.ports import free_ports
from tests.real.redis_server import RedisServer

__all__ = ["BROKERS", "JoinedServers", "change_times", "share_of"]

BROKERS = {"nats": NATSServer, "redis": RedisServer}

INI = """\
[bus]
plugin = {plugin}
address = {address}
"""
#: So that tests are.
FAST = """\
ping_interval = 500ms
max_reconnect_delay = 200ms

[node]
digest_interval = 500ms
lost_after = 2s
"""


class RegistryServer(KillableServer):
    """
    One server of the three.
    """

    name = "rpcfw registry"
    ready_limit_s = 60.0

    def __init__(self, ini: Path, port: int) -> None:
        super().__init__(port)
        self._ini = ini
        #: Where the log of the last start begins.
        self._log_at = 0

    def command(self) -> list[str]:
        self._log_at = (self.directory / "out").stat().st_size
        listen = f"tcp:{self.address}"
        return [*COMMAND, "registry", "-c", str(self._ini), "--listen", listen]

    def is_ready(self) -> bool:
        log = (self.directory / "out").read_bytes()[self._log_at :]
        return b"the bus is connected" in log


class JoinedServers(Ensemble[RegistryServer]):
    """
    A broker and three servers, which differ by their ports alone.

    Args:
        plugin: of the bus.
        folder: for the INI file.
        settings: of the servers, from ``[bus]`` on.
    """

    def __init__(self, plugin: str, folder: Path, settings: str = FAST) -> None:
        self.broker: KillableServer = BROKERS[plugin]()
        ini = folder / f"{plugin}.ini"
        ini.write_text(INI.format(plugin=plugin, address=self.broker.address) + settings)
        super().__init__([RegistryServer(ini, port) for port in free_ports(3)])

    @property
    def addresses(self) -> list[Address]:
        """
        The address of each server.
        """
        return [Address.parse(server.address) for server in self.servers]

    def remove(self) -> None:
        """
        Kill the servers and the broker, and delete their files.
        """
        super().remove()
        self.broker.remove()


async def change_times(
    announcer: object, watched: Sequence[ReceivedUpdates], count: int
) -> list[float]:
    """
    Change an instance so many times, and return how long each change took to be at all.
    """
    times = []
    for weight in range(1, count + 1):
        began_at = reactor.seconds()
        await announcer.announce(an_instance(weight=weight))
        while not all(updates.last and updates.last[0].weight == weight for updates in watched):
            await after(0.001)
        times.append(reactor.seconds() - began_at)
    return times


def share_of(times: Sequence[float], share: float) -> float:
    """
    Return the time within which this share of all is.
    """
    return sorted(times)[min(len(times) - 1, int(share * len(times)))]


async def measure(plugin: str, count: int) -> None:
    """
    Print how soon changes are at all servers.
    """
    with TemporaryDirectory() as folder:
        joined = JoinedServers(plugin, Path(folder))
        joined.broker.serve()
        try:
            joined.serve()
            world = World(reactor)
            registries = [world.registry(address) for address in joined.addresses]
            watched = [ReceivedUpdates() for _ in registries]
            for registry, updates in zip(registries, watched, strict=True):
                await registry.start()
                registry.watch("demo.Greeter", updates)
            times = await change_times(registries[0], watched, count)
            for share in (0.5, 0.99, 1):
                took_s = share_of(times, share)
                sys.stdout.write(f"{plugin} p{share * 100:g}: {took_s * 1000:.0f} ms\n")
            for registry in registries:
                await registry.stop()
        finally:
            joined.remove()


if __name__ == "__main__":
    react(lambda _: spawn(measure(sys.argv[1], int(sys.argv[2]))))
