"""
What the policies of a client cost: chains of them beside the default one, and each pick.

All chains call the same server, which listens at three addresses: a balancer needs nodes
to choose from. They are measured in turn, so that an hour in which the machine is slow is
the same for all.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.calls import Plan
from benchmarks.children import Child, ChildError, cores
from benchmarks.messages import generate
from benchmarks.picking import balancers, picking
from benchmarks.rows import Row

__all__ = ["CHAINS", "governance"]

NODES = 3

#: Settings of the client, by the name of the chain. Retry and deadline are in all of them.
CHAINS: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "p2c": ("balancer.plugin=p2c",),
    "adaptive": ("balancer.plugin=adaptive",),
    "full": (
        "client.routers=tag, zone",
        "router zone.zone=near",
        "balancer.plugin=p2c",
        "breaker.plugin=failure_rate",
        "client.limiters=token_bucket",
        # More than can be called: the cost of the limiter is wanted, not its limit.
        "limiter token_bucket.rate=1000000/s",
        "limiter token_bucket.burst=1000000",
    ),
}


def governance(plan: Plan) -> list[Row]:
    """
    Measure the chains, and the balancers alone.
    """
    if plan.servers and "rpcfw" not in plan.servers:
        return []
    rows = picking(plan.seconds / 10)
    try:
        with tempfile.TemporaryDirectory() as directory:
            generate(Path(directory))
            rows = _chains(plan, directory) + rows
    except ChildError as error:
        _say(str(error))
    return rows


def _chains(plan: Plan, modules: str) -> list[Row]:
    server_core, client_core = cores()
    shared = {"peer": "rpcfw", "kind": "unary", "modules": modules, "remark_bytes": 64}
    listen = ", ".join(["tcp:127.0.0.1:0"] * NODES)
    serve = {**shared, "role": "serve", "core": server_core, "sets": [f"server.listen={listen}"]}
    with ExitStack() as children:
        server = children.enter_context(Child(serve))
        told = server.read()
        call = {**shared, **told, "role": "call", "core": client_core, "server_pid": server.pid}
        clients = {
            name: children.enter_context(Child({**call, "sets": sets}))
            for name, sets in CHAINS.items()
            if name != "adaptive" or name in balancers()
        }
        return [
            _row(name, measured)
            for in_flight in plan.in_flight
            for name, measured in _in_turn(plan, clients, in_flight).items()
        ]


def _in_turn(
    plan: Plan, clients: Mapping[str, Child], in_flight: int
) -> dict[str, list[dict[str, Any]]]:
    order = {"in_flight": in_flight, "seconds": plan.seconds}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in clients}
    for _ in range(plan.repetitions):
        for name, client in clients.items():
            found[name].append(client.ask(order, plan.seconds * 2))
    return found


def _row(chain: str, found: list[dict[str, Any]]) -> Row:
    row = {
        "chain": chain,
        "calls_per_s": round(median(one["count"] / one["took_s"] for one in found), 1),
        "client_us_per_call": round(median(one["client_us"] for one in found), 2),
        "server_us_per_call": round(median(one["server_us"] for one in found), 2),
    }
    _say(f"{chain}: {row['client_us_per_call']:.2f} µs of the client's processor time a call")
    return row


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
