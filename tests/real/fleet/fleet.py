"""
A registry, three providers and a consumer, each a process with default settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.real.fleet.calls import IN_USE, Called
from tests.real.fleet.network import CALLS, REGISTRY, Network
from tests.real.fleet.service import begun_in
from tests.real.ports import free_ports
from tests.real.providers import Process, until
from tests.real.zookeeper_server import ZooKeeperServer

__all__ = ["PROVIDERS", "RATE", "Fleet"]

PROVIDERS = 3
#: Calls a second.
RATE = 500


class Fleet:
    """
    The whole of it; all processes have ended when the block is left.

    Args:
        registry: ``standalone`` or ``zookeeper``.
        own_network: whether the first provider is a host of its own.
        consumer: settings of the consumer.
        wire: protocol of the calls.
    """

    def __init__(
        self, registry: str, own_network: bool, consumer: Sequence[str], wire: str
    ) -> None:
        self._registry = registry
        self._own_network = own_network
        self._consumer_sets = (f"client.protocols={wire}", *consumer)
        self._provider_sets = (f"server.protocols={wire}",)
        self._stack = ExitStack()
        self._journals: list[Path] = []
        self.network: Network | None = None
        #: The provider that the fault is about, and its process.
        self.victim: Process
        self.victim_address = ""

    def __enter__(self) -> Fleet:
        with self._stack:
            self._folder = Path(self._stack.enter_context(TemporaryDirectory()))
            if self._own_network:
                self.network = self._stack.enter_context(Network())
            self._start_registry()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start_providers(self) -> None:
        """
        Start all; return when they are announced.
        """
        self.victim, *others = (self._provider(number == 0) for number in range(PROVIDERS))
        self.victim_address = self.victim.facts()["address"]
        for each in others:
            each.facts()
        self._pids = {self.victim.pid, *(each.pid for each in others)}

    def replace_victim(self) -> None:
        """
        Start a new provider at the address of the first one.
        """
        self.victim = self._provider(True, f"server.listen={self.victim_address}")
        self.victim.facts()

    def start_consumer(self) -> None:
        """
        Start to call.
        """
        within = self._near
        sets = (*self._sets("127.0.0.1"), *self._consumer_sets)
        module = "tests.real.fleet.consumer"
        self.consumer = self._run("the consumer", module, str(RATE), *sets, within=within)
        self.consumer.facts()

    def wait_until_called(self) -> None:
        """
        Return once all providers are called.
        """

        def called() -> bool:
            return self._pids <= set(map(int, self.consumer.ask("answered")["answered"]))

        until(called, "all providers are called")

    def is_victim_used(self, within_s: float) -> bool:
        """
        Tell whether the victim has half of its fair share of a second's calls in this time.
        """
        end = time.monotonic() + within_s
        self.consumer.ask("answered")  # what was before does not count
        while time.monotonic() < end:
            time.sleep(1.0)
            answered = self.consumer.ask("answered")["answered"]
            share = answered.get(str(self.victim.pid), 0) / max(1, sum(answered.values()))
            if share >= IN_USE / PROVIDERS:
                return True
        return False

    def announce(self, addresses: Iterable[str]) -> Process:
        """
        Announce instances that are not there, until the returned process ends.
        """
        listed = ",".join(addresses)
        module = "tests.real.fleet.announcer"
        sets = self._sets("127.0.0.1")
        announcer = self._run("the announcer", module, listed, *sets, within=self._near)
        announcer.facts()
        return announcer

    def stranger(self, kind: str) -> Process:
        """
        Start somebody else at the address of the first provider, which has ended.
        """
        port = self.victim_address.rpartition(":")[2]
        stranger = self._run("the stranger", "tests.real.fleet.stranger", kind, port)
        stranger.facts()
        return stranger

    def end_calls(self) -> tuple[list[Called], int]:
        """
        Return all calls once they have ended, and how many were not made in time.
        """
        found = self.consumer.ask("end")
        return [Called(**one) for one in found["calls"]], found["skipped"]

    def begun(self) -> set[int]:
        """
        Return the numbers of the calls that must not be repeated, and were begun.
        """
        return set[int]().union(*map(begun_in, self._journals))

    @property
    def _near(self) -> Sequence[str]:
        return () if self.network is None else self.network.near.enter

    def _sets(self, host: str) -> tuple[str, str]:
        address = f"registry.address={host}:{self._registry_port}"
        return f"registry.plugin={self._registry}", address

    def _start_registry(self) -> None:
        if self._registry == "zookeeper":
            server = ZooKeeperServer()
            self._stack.callback(server.remove)
            server.serve()
            self._registry_port = server.port
            return
        (self._registry_port,) = free_ports(1)
        host = "127.0.0.1" if self.network is None else "0.0.0.0"  # noqa: S104 - a namespace's
        listen = ("registry", "--listen", f"tcp:{host}:{self._registry_port}")
        self._run("the registry", "rpcfw.cli.main", *listen, within=self._near).line()

    def _provider(self, first: bool, *sets: str) -> Process:
        journal = self._folder / f"journal-{len(self._journals)}"
        self._journals.append(journal)
        within, host = self._near, "127.0.0.1"
        if first and self.network is not None:
            within, host = self.network.far.enter, REGISTRY[0]
            sets += (f"server.listen=tcp:{CALLS[1]}:0",)
        arguments = (str(journal), *self._sets(host), *self._provider_sets, *sets)
        return self._run("a provider", "tests.real.fleet.provider", *arguments, within=within)

    def _run(self, name: str, module: str, *arguments: str, **options: Any) -> Process:
        process = Process(name, module, *arguments, **options)
        self._stack.callback(process.close)
        return process
