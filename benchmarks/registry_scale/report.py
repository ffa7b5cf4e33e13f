"""
One run: the phases, what is measured in each, and the rows.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.plan import Plan
from benchmarks.registry_scale.processes import Running, Worker, listening_at, progress, until
from benchmarks.registry_scale.scale import Scale
from benchmarks.registry_scale.servers import Servers
from benchmarks.rows import Row

__all__ = ["registry_scale"]

_LOADS = 5


def registry_scale(plan: Plan) -> list[Row]:
    """
    Run all phases at registry servers of a group, and those that ZooKeeper has, too.
    """
    with ExitStack() as stack:
        rows = _at_a_group(plan.scale, stack)
    if plan.zookeeper:
        with ExitStack() as stack:
            rows += _at_zookeeper(plan.scale, plan.zookeeper, stack)
    else:
        progress("zookeeper is left out: give --zookeeper ADDRESS of a server on this machine")
    return rows


def _at_a_group(scale: Scale, stack: ExitStack) -> list[Row]:
    progress(f"starting a bus and {scale.nodes} registry servers")
    servers = Servers(scale, stack)
    addresses = ",".join(f"tcp:127.0.0.1:{port}" for port in servers.ports)
    sets = ["registry.plugin=standalone", f"registry.address={addresses}"]
    job = {"scale": scale.job(), "ports": servers.ports, "sets": sets}
    # The other processes start meanwhile.
    run = _Run("standalone", scale, servers.nodes, job, ("providers", "consumers"), stack)
    probe = stack.enter_context(Worker("probe", job))
    servers.wait()
    return [
        *run.rows(),
        run.row("a consumer starts", _load(probe)),
        run.row("rolling restart", run.restart()),
        run.row("a rule for all consumers", run.change_rules(probe)),
        run.row("a server killed", run.kill(servers)),
    ]


def _at_zookeeper(scale: Scale, address: str, stack: ExitStack) -> list[Row]:
    progress(f"the same at ZooKeeper at {address}")
    server = Running(listening_at(int(address.rpartition(":")[2])))
    job = {"scale": scale.job(), "zookeeper": address}
    modules = ("zookeeper_providers", "zookeeper_consumers")
    run = _Run("zookeeper", scale, [server], job, modules, stack)
    return [*run.rows(), run.row("rolling restart", run.restart())]


def _load(probe: Worker) -> dict[str, Any]:
    """
    Load the lists of some consumers, one after the other.
    """
    found = [probe.ask("load", consumer=1_000_000 + each) for each in range(_LOADS)]
    took_s = sorted(each["took_s"] for each in found)
    return {
        "p50_ms": round(1000 * took_s[len(took_s) // 2]),
        "max_ms": round(1000 * took_s[-1]),
        "instances": found[0]["instances"],
    }


class _Run:
    """
    The processes of one run.

    Args:
        servers: what is measured.
        job: for the processes that simulate.
        modules: that of the providers, and that of the consumers.
    """

    def __init__(
        self,
        name: str,
        scale: Scale,
        servers: Sequence[Running],
        job: dict[str, Any],
        modules: tuple[str, str],
        stack: ExitStack,
    ) -> None:
        self._name = name
        self._scale = scale
        self._consumers = scale.consumers // scale.workers * scale.workers
        self._servers = list(servers)
        self._providers = stack.enter_context(Worker(modules[0], job))
        each = scale.consumers // scale.workers
        self._workers = [
            stack.enter_context(Worker(modules[1], {**job, "first": first, "count": each}))
            for first in range(0, scale.workers * each, each)
        ]
        self._begin()

    def rows(self) -> list[Row]:
        """
        Announce all, and connect all consumers.
        """
        return [
            self.row("started", {}),
            self.row("announced", self._announce()),
            self.row("idle, without consumers", self._idle()),
            self.row("consumers connected", self._connect()),
            self.row("idle, with consumers", self._idle()),
        ]

    def _begin(self) -> None:
        self._cpu_s = [server.cpu_s for server in self._servers]
        self._measured_at = time.monotonic()

    def row(self, phase: str, found: dict[str, Any]) -> Row:
        """
        Return a row with what each phase has, and a column for what it found.
        """
        took_s = max(0.001, time.monotonic() - self._measured_at)
        pairs = zip(self._cpu_s, self._servers, strict=True)
        cores = [(server.cpu_s - before) / took_s for before, server in pairs]
        row = {
            "registry": self._name,
            "phase": phase,
            "took_s": round(took_s, 1),
            "cores_per_server": round(sum(cores) / len(cores), 3),
            "max_cores": round(max(cores), 3),
            "max_mib": round(max(server.memory_mb() for server in self._servers)),
            "peak_mib": round(max(server.memory_mb("VmHWM") for server in self._servers)),
            "found": ", ".join(f"{name} {value}" for name, value in found.items()),
        }
        progress(f"{phase}: {row['found']}")
        self._begin()
        return row

    def _announce(self) -> dict[str, Any]:
        self._providers.ask("announce")

        def announced() -> bool:
            state = self._providers.ask("state")
            if state["errors"]:
                progress(str(state))
            return bool(state["announced"] >= self._scale.instances)

        took_s = until(announced, "all instances are announced", 300)
        return {"instances": self._scale.instances, "in_s": round(took_s, 1)}

    def _idle(self) -> dict[str, Any]:
        time.sleep(self._scale.idle_s)
        return {}

    def _connect(self) -> dict[str, Any]:
        for worker in self._workers:
            worker.ask("connect", per_s=self._scale.connect_per_s / len(self._workers))
        totals: Counter[str] = Counter()
        took_s = until(lambda: self._all_served(totals), "all consumers have their lists", 600)
        return {
            "consumers": self._scale.consumers,
            "in_s": round(took_s, 1),
            "records": totals["records"],
            "rules": totals["rules"],
        }

    def _all_served(self, totals: Counter[str]) -> bool:
        states = [worker.ask("state") for worker in self._workers]
        for state in states:
            totals.update({k: v for k, v in state.items() if isinstance(v, int) and k != "served"})
            for reason, count in state["lost"].items():
                progress(f"{count} consumers lost their server: {reason}")
        return sum(state["served"] for state in states) >= self._consumers

    def restart(self) -> dict[str, Any]:
        """
        Restart a part of all instances, one after the other.
        """
        for worker in self._workers:
            worker.ask("state")
        count = self._providers.ask("restart")["count"]

        def restarted() -> bool:
            return bool(self._providers.ask("state")["restarted"] >= count)

        took_s = until(restarted, "all are restarted", 3 * self._scale.restart_s + 60)
        time.sleep(min(3.0, self._scale.restart_s))
        states = [worker.ask("state") for worker in self._workers]
        for state in states:
            if state["lost"]:
                progress(f"lost: {state['lost']}")
        delays = _merged(state["delays_ms"] for state in states)
        return {
            "restarts": count,
            "restart_s": round(took_s, 1),
            "pushed": sum(delays.values()),
            "messages": sum(state["messages"] for state in states),
            "p50_ms": _quantile(delays, 0.5),
            "p99_ms": _quantile(delays, 0.99),
            "max_ms": max(delays, default=0),
            **self._differing(),
        }

    def change_rules(self, probe: Worker) -> dict[str, Any]:
        """
        Put a rule that all consumers watch.
        """
        delays: Counter[int] = Counter()
        probe.ask("put_rules")

        def received() -> bool:
            states = [worker.ask("state") for worker in self._workers]
            delays.update(_merged(state["rule_delays_ms"] for state in states))
            return sum(delays.values()) >= self._consumers

        until(received, "all consumers have the rule", 300)
        return {
            "pushed": sum(delays.values()),
            "p50_ms": _quantile(delays, 0.5),
            "p99_ms": _quantile(delays, 0.99),
            "max_ms": max(delays),
        }

    def kill(self, servers: Servers) -> dict[str, Any]:
        """
        Kill a server: its consumers go to the others.
        """
        for worker in self._workers:
            worker.ask("use", ports=servers.ports[1:])
        servers.nodes[0].kill()
        del self._servers[0]
        self._begin()
        time.sleep(0.5)
        away_s: list[float] = []
        totals: Counter[str] = Counter()
        lost = 0

        def moved() -> bool:
            nonlocal lost
            states = [worker.ask("state") for worker in self._workers]
            for state in states:
                away_s.extend(state["away_s"])
                lost += sum(state["lost"].values())
                totals.update({name: state[name] for name in ("records", "rules", "compared")})
            return sum(state["served"] for state in states) >= self._consumers

        until(moved, "all consumers have moved", 300)
        away_s.sort()
        return {
            "moved": len(away_s),
            "p50_s": round(away_s[len(away_s) // 2], 2),
            "p99_s": round(away_s[len(away_s) * 99 // 100], 2),
            "max_s": round(away_s[-1], 2),
            "attempts": lost,
            "records": totals["records"],
            "rules": totals["rules"],
            "compared": totals["compared"],
        }

    def _differing(self) -> dict[str, Any]:
        """
        Return how many services are not the same at all consumers.
        """
        if self._name == "zookeeper":
            return {}
        found: dict[str, set[str]] = {}
        for worker in self._workers:
            for service, values in worker.ask("hashes")["hashes"].items():
                found.setdefault(service, set()).update(values)
        return {"differing_lists": sum(len(values) > 1 for values in found.values())}


def _merged(parts: Iterable[list[list[int]]]) -> Counter[int]:
    merged: Counter[int] = Counter()
    for part in parts:
        for value, count in part:
            merged[value] += count
    return merged


def _quantile(values: Counter[int], share: float) -> int:
    left = share * sum(values.values())
    for value in sorted(values):
        left -= values[value]
        if left <= 0:
            return value
    return 0
