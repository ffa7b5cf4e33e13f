"""
A bus, three registry servers, providers and consumers, each a process.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.real.bus_fleet.lists import Life, Lists
from tests.real.fleet.calls import Called
from tests.real.fleet.service import begun_in
from tests.real.hosts import THIS_HOST, Host
from tests.real.killable import KillableServer
from tests.real.mesh import Mesh
from tests.real.nats_server import NATSServer
from tests.real.ports import free_ports
from tests.real.providers import Process, until
from tests.real.redis_server import RedisServer

__all__ = ["BUSES", "NODES", "BusFleet"]

NODES = 3
PROVIDERS = 3
BUSES: dict[str, type[NATSServer | RedisServer]] = {"nats": NATSServer, "redis": RedisServer}
#: All servers have to agree this long after a fault.
AGREE_S = 10.0
#: Of providers and consumers.
SIDES = 2
#: Where the processes run if the network is to be cut.
CLIENTS = tuple(f"clients-{side}" for side in range(SIDES))
HOSTS = ("node-0", "node-1", "node-2", "bus", *CLIENTS, "operator")


class BusFleet:
    """
    The whole of it; all processes have ended when the block is left.

    Args:
        bus: ``nats`` or ``redis``.
        consumers: how many processes call.
        rate: calls a second of all of them.
        own_network: whether each server, and each side of the clients, is a host of its own.
        node_sets: settings of the registry servers.
        client_sets: settings of the providers and consumers.
    """

    def __init__(
        self,
        bus: str,
        consumers: int,
        rate: int,
        own_network: bool = False,
        node_sets: Sequence[str] = (),
        client_sets: Sequence[str] = (),
    ) -> None:
        self._bus_name = bus
        self._consumers_wanted = consumers
        self._rate = rate
        self._own_network = own_network
        self._node_sets = node_sets
        self._client_sets = client_sets
        self._stack = ExitStack()
        self._journals: list[Path] = []
        self._mesh: Mesh | None = None
        self.lives: list[Life] = []
        #: Began and ended.
        self.cut_at = (0.0, 0.0)
        self.nodes: list[Process] = []
        self.providers: list[tuple[Process, Life]] = []
        self.consumers: list[Process] = []

    def __enter__(self) -> BusFleet:
        with self._stack:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
            if self._own_network:
                self._mesh = self._stack.enter_context(Mesh(HOSTS))
            self.bus: KillableServer = BUSES[self._bus_name](host=self._host("bus"))
            self._stack.callback(self.bus.remove)
            self.bus.serve()
            ports = free_ports(NODES)
            hosts = [self._host(f"node-{number}") for number in range(NODES)]
            self._addresses = [
                f"{host.address}:{port}" for host, port in zip(hosts, ports, strict=True)
            ]
            self.nodes += [self._begin_node(number) for number in range(NODES)]
            for node in self.nodes:
                node.line()
            self.start_providers(*((number % SIDES, number) for number in range(PROVIDERS)))
            self._start_consumers()
            asker = "tests.real.bus_fleet.asker"
            self._asker = self._run("operator", "the asker", asker, *self._addresses)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start_node(self, number: int) -> Process:
        """
        Start a registry server; return it once it serves.
        """
        node = self._begin_node(number)
        node.line()
        return node

    def restart_node(self, number: int) -> None:
        """
        Kill a registry server and start it again, empty.
        """
        self.nodes[number].kill()
        self.nodes[number] = self.start_node(number)

    def start_providers(self, *places: tuple[int, int]) -> None:
        """
        Start some; return once they are announced.

        Args:
            places: of each, its side and the registry server that it tries first.
        """
        started = [(side, self._begin_provider(side, first)) for side, first in places]
        for side, provider in started:
            life = Life(provider.facts()["address"], side, time.monotonic())
            self.lives.append(life)
            self.providers.append((provider, life))

    def stop_provider(self, side: int = 0) -> None:
        """
        Have the oldest one of a side end in good order.
        """
        one = next(each for each in self.providers if each[1].side == side)
        self.providers.remove(one)
        provider, life = one
        life.ended_at = time.monotonic()
        provider.stop()

    def cut(self, *groups: Collection[str]) -> None:
        """
        Drop what hosts of different groups send each other, except what clients do.

        Calls that are under way when a network is cut are lost, whatever registry there is.
        """
        assert self._mesh is not None
        self._mesh.cut(groups, joined=CLIENTS)
        self.cut_at = (time.monotonic(), time.monotonic())

    def heal(self) -> None:
        """
        End the cut.
        """
        assert self._mesh is not None
        self._mesh.heal()
        self.cut_at = (self.cut_at[0], time.monotonic())

    def agreed_s(self) -> float:
        """
        Return after how many seconds all servers and consumers have the living, and no others.
        """
        began_at = time.monotonic()
        until(self._agree, "all servers and consumers have what is alive", 60)
        return time.monotonic() - began_at

    def end_calls(self) -> tuple[list[Called], list[tuple[int, Lists]]]:
        """
        Return all calls once they have ended, and the lists of each consumer, with its side.
        """
        found = [consumer.ask("end") for consumer in self.consumers]
        lists = [(number % SIDES, each["lists"]) for number, each in enumerate(found)]
        return [Called(**one) for each in found for one in each["calls"]], lists

    def begun(self) -> list[set[int]]:
        """
        Return the numbers of the calls that each provider has begun.
        """
        return [begun_in(journal) for journal in self._journals]

    def _agree(self) -> bool:
        servers = self._asker.ask("ask").values()
        listed = sorted(life.address for _, life in self.providers)
        hashes = {one for one, instances in servers if instances == len(listed)}
        if len(servers) != NODES or len(hashes) != 1:
            return False
        return all(consumer.ask("list")["listed"] == listed for consumer in self.consumers)

    def _begin_node(self, number: int) -> Process:
        sets = [f"bus.plugin={self._bus_name}", f"bus.address={self.bus.address}"]
        words = [word for each in (*sets, *self._node_sets) for word in ("--set", each)]
        listen = ("--listen", f"tcp:{self._addresses[number]}")
        command = ("rpcfw.cli.main", "registry", *listen, *words)
        return self._run(f"node-{number}", "a registry server", *command)

    def _begin_provider(self, side: int, first: int) -> Process:
        journal = self._folder / f"journal-{len(self._journals)}"
        self._journals.append(journal)
        where = f"clients-{side}"
        listen = f"server.listen=tcp:{self._host(where).address}:0"
        command = ("tests.real.fleet.provider", str(journal), listen, *self._sets(first))
        return self._run(where, "a provider", *command)

    def _start_consumers(self) -> None:
        rate = str(self._rate / self._consumers_wanted)
        for number in range(self._consumers_wanted):
            side, first = number % SIDES, number // SIDES
            command = ("tests.real.fleet.consumer", rate, *self._sets(first))
            self.consumers.append(self._run(f"clients-{side}", "a consumer", *command))
        for consumer in self.consumers:
            consumer.facts()

    def _sets(self, first: int) -> tuple[str, ...]:
        turned = [self._addresses[(first + number) % NODES] for number in range(NODES)]
        address = f"registry.address={', '.join(turned)}"
        return "registry.plugin=standalone", address, *self._client_sets

    def _host(self, name: str) -> Host:
        return THIS_HOST if self._mesh is None else self._mesh.host(name)

    def _run(self, host: str, name: str, *command: Any) -> Process:
        process = Process(name, *command, within=self._host(host).enter)
        self._stack.callback(process.close)
        return process
