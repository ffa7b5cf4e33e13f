"""
A bus, three registry servers, providers and consumers, each a process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.house.tree import ROOT
from tests.real.fleet.calls import Called
from tests.real.fleet.service import begun_in
from tests.real.killable import KillableServer
from tests.real.nats_server import NATSServer
from tests.real.ports import free_ports
from tests.real.providers import Process, until
from tests.real.redis_server import RedisServer

__all__ = ["BUSES", "BusFleet"]

NODES = 3
PROVIDERS = 3
BUSES: dict[str, type[KillableServer]] = {"nats": NATSServer, "redis": RedisServer}
#: All servers have to agree this long after a fault.
AGREE_S = 10.0


class BusFleet:
    """
    The whole of it; all processes have ended when the block is left.

    Args:
        bus: ``nats`` or ``redis``.
        consumers: how many processes call.
        rate: calls a second of all of them.
    """

    def __init__(self, bus: str, consumers: int, rate: int) -> None:
        self._bus_name = bus
        self._consumers_wanted = consumers
        self._rate = rate
        self._stack = ExitStack()
        self._journals: list[Path] = []
        self.nodes: list[Process] = []
        self.providers: list[Process] = []
        self.consumers: list[Process] = []

    def __enter__(self) -> BusFleet:
        with self._stack:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
            self.bus = BUSES[self._bus_name]()
            self._stack.callback(self.bus.remove)
            self.bus.serve()
            self._ports = free_ports(NODES)
            for number in range(NODES):
                self.nodes.append(self.start_node(number))
            for _ in range(PROVIDERS):
                self.start_provider()
            self._start_consumers()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start_node(self, number: int) -> Process:
        """
        Start a registry server; return it once it serves.
        """
        listen = ("--listen", f"tcp:127.0.0.1:{self._ports[number]}")
        bus = ("--set", f"bus.plugin={self._bus_name}", "--set", f"bus.address={self.bus.address}")
        node = self._run("a registry server", "rpcfw.cli.main", "registry", *listen, *bus)
        node.line()
        return node

    def restart_node(self, number: int) -> None:
        """
        Kill a registry server and start it again, empty.
        """
        self.nodes[number].kill()
        self.nodes[number] = self.start_node(number)

    def start_provider(self) -> Process:
        """
        Start one; return it once it is announced.
        """
        journal = self._folder / f"journal-{len(self._journals)}"
        self._journals.append(journal)
        provider = self._run("a provider", "tests.real.fleet.provider", str(journal), *self._sets())
        provider.facts()
        self.providers.append(provider)
        return provider

    def stop_provider(self) -> None:
        """
        Have the oldest one end in good order.
        """
        self.providers.pop(0).stop()

    def ids(self, number: int) -> list[str]:
        """
        Return the instances that one server lists.
        """
        address = f"127.0.0.1:{self._ports[number]}"
        sets = ["--set", "registry.plugin=standalone", "--set", f"registry.address={address}"]
        command = [sys.executable, "-m", "rpcfw.cli.main", "ls", "fleet.Shop", "--json", *sets]
        path = {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=30, check=False, env=path
        )
        if done.returncode:
            return [done.stderr]
        return sorted(one["id"] for one in json.loads(done.stdout))

    def agreed_s(self) -> float:
        """
        Return after how many seconds all servers list what is alive, and nothing else.
        """
        began_at = time.monotonic()

        def agree() -> bool:
            lists = [self.ids(number) for number in range(NODES)]
            return all(len(ids) == len(self.providers) and ids == lists[0] for ids in lists)

        until(agree, "all servers list what is alive", 60)
        return time.monotonic() - began_at

    def end_calls(self) -> list[Called]:
        """
        Return all calls once they have ended.
        """
        found = [consumer.ask("end") for consumer in self.consumers]
        return [Called(**one) for each in found for one in each["calls"]]

    def begun(self) -> list[set[int]]:
        """
        Return the numbers of the calls that each provider has begun.
        """
        return [begun_in(journal) for journal in self._journals]

    def _start_consumers(self) -> None:
        rate = str(self._rate / self._consumers_wanted)
        for _ in range(self._consumers_wanted):
            consumer = self._run("a consumer", "tests.real.fleet.consumer", rate, *self._sets())
            self.consumers.append(consumer)
        for consumer in self.consumers:
            consumer.facts()

    def _sets(self) -> tuple[str, str]:
        addresses = ", ".join(f"127.0.0.1:{port}" for port in self._ports)
        return "registry.plugin=standalone", f"registry.address={addresses}"

    def _run(self, name: str, module: str, *arguments: str) -> Process:
        process = Process(name, module, *arguments)
        self._stack.callback(process.close)
        return process
