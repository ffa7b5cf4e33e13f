"""
A running fleet moves from ZooKeeper to a group of three registry servers, over a bridge.

Consumers call a method that must not be repeated. They and the providers move one after another.
Meanwhile the bridge is killed, and started again later; and then a server of the group.

By hand, with more of everything than a test has time for:

    python -m tests.real.moved_fleet nats
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from attrs import asdict, define, field

from tests.real.joined import BROKERS, FAST, JoinedServers
from tests.real.providers import Load, Process, Processes, Provider, until
from tests.real.zookeeper_server import ZooKeeperServer

__all__ = ["Figures", "MovedFleet", "move"]

PROVIDERS = 3


@define
class Figures:
    """
    What became of the calls.

    Args:
        moved_s: how long it took.
    """

    calls: int = 0
    failed: int = 0
    moved_s: float = 0.0
    texts: list[str] = field(factory=list)


class MovedFleet:
    """
    Two registries that run, and a fleet in the first.

    Args:
        bus: ``nats`` or ``redis``.
        consumers: how many processes call.
        rate: calls a second of each.
        settings: of the registry servers; see `JoinedServers`.
    """

    def __init__(self, bus: str, consumers: int, rate: int, settings: str) -> None:
        self._bus = bus
        self._consumers = consumers
        self._rate = rate
        self._settings = settings
        self._stack = ExitStack()
        self._files: list[Path] = []
        self.reports: list[dict[str, Any]] = []

    def __enter__(self) -> MovedFleet:
        with self._stack:
            folder = Path(self._stack.enter_context(TemporaryDirectory()))
            zookeeper = ZooKeeperServer()
            self._stack.callback(zookeeper.remove)
            self.group = JoinedServers(self._bus, folder, self._settings)
            self._stack.callback(self.group.remove)
            zookeeper.start()
            self.group.broker.serve()
            self.group.serve()
            zookeeper.wait_ready()
            self._old = self._registry(folder, "zookeeper", zookeeper.address)
            self._new = self._registry(folder, "standalone", self.group.address)
            self.providers = self._old.providers(PROVIDERS)
            self.loads = self._old.loads(self._consumers, "write", self._rate)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def start_bridge(self, *mirrored: int) -> None:
        """
        Start a bridge; return once it mirrors so many instances in each registry.
        """
        old, new = map(str, self._files)
        command = ("registry", "bridge", "-c", old, "--to", new, "--json")
        self.bridge = Process("the bridge", "rpcfw.cli.main", *command)
        self._stack.callback(self.bridge.close)
        self.wait_mirrored(*mirrored)

    def wait_mirrored(self, *mirrored: int) -> None:
        """
        Wait until the bridge mirrors so many instances in each registry.
        """

        def seen() -> bool:
            registries = self.bridge.facts(90).get("registries", ())
            return [*mirrored] == [each["visible"] for each in registries]

        until(seen, f"{mirrored} instances are mirrored", 60)

    def move_consumers(self, loads: Sequence[Load]) -> None:
        """
        Start one in the new registry for each of these, and end these.
        """
        successors = self._new.loads(len(loads), "write", self._rate)
        for load, successor in zip(loads, successors, strict=True):
            until(lambda one=successor: one.met(*self.providers), "it calls all", 60)
            self.reports.append(load.end())
            self.loads[self.loads.index(load)] = successor

    def move_provider(self, provider: Provider) -> None:
        """
        Start one in the new registry, and stop this one when all consumers call the other.
        """
        successor = self._new.provider()
        for load in self.loads:
            load.seen_after_s(successor)
        provider.stop()
        self.providers[self.providers.index(provider)] = successor

    def end(self) -> None:
        """
        End all calls.
        """
        for load in self.loads:
            load.go_on(self._rate)
            self.reports.append(load.end())

    def _registry(self, folder: Path, plugin: str, address: str) -> Processes:
        ini = folder / f"{plugin}-registry.ini"
        ini.write_text(f"[registry]\nplugin = {plugin}\naddress = {address}\n")
        self._files.append(ini)
        sets = (f"registry.plugin={plugin}", f"registry.address={address}")
        return self._stack.enter_context(Processes(*sets))


def move(bus: str, consumers: int, rate: int, away_s: float, settings: str = FAST) -> Figures:
    """
    Return the figures of a move.

    Args:
        consumers: how many processes call.
        rate: calls a second of each.
        away_s: how long the bridge is away, and later a server of the group.
        settings: of the registry servers.
    """
    with MovedFleet(bus, consumers, rate, settings) as fleet:
        began_at = time.monotonic()
        fleet.start_bridge(0, PROVIDERS)
        fleet.move_consumers(fleet.loads[::2])
        fleet.bridge.kill()
        time.sleep(away_s)
        fleet.start_bridge(0, PROVIDERS)
        first, *others = fleet.providers
        fleet.move_provider(first)
        server = fleet.group.servers[0]
        server.kill()
        time.sleep(away_s)
        for each in others:
            fleet.move_provider(each)
        fleet.group.serve(server)
        fleet.wait_mirrored(PROVIDERS, 0)
        fleet.move_consumers(fleet.loads[1::2])
        fleet.bridge.stop()
        fleet.end()
        moved_s = time.monotonic() - began_at
    found = Figures(moved_s=round(moved_s, 1))
    for report in fleet.reports:
        failed = sum(report["failed"].values())
        found.calls += report["ok"] + failed
        found.failed += failed
        found.texts += report["texts"]
    return found


def main() -> None:
    """
    Run what the command line names, with default settings.
    """
    parser = ArgumentParser(prog="python -m tests.real.moved_fleet")
    parser.add_argument("bus", choices=BROKERS)
    parser.add_argument("--consumers", type=int, default=20)
    parser.add_argument("--rate", type=int, default=25, help="calls a second of each consumer")
    parser.add_argument("--away", type=float, default=15.0, help="seconds; a lease has 10")
    given = parser.parse_args()
    found = move(given.bus, given.consumers, given.rate, given.away, settings="")
    sys.stdout.write(json.dumps(asdict(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
