"""
Chains of filters beside each other: each has a server and a client of its own.

They are measured in turn, so that an hour in which the machine is slow is the same for all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks.calls import Plan
from benchmarks.children import Child, cores

__all__ = ["Chains", "measure"]

#: The settings of server and client by the name of the chain.
Chains = Mapping[str, tuple[Sequence[str], Sequence[str]]]


def measure(
    plan: Plan, modules: str, chains: Chains, wire: str = "native"
) -> dict[str, list[dict[str, Any]]]:
    """
    Return what each chain's client measured, turn by turn, by the name of the chain.
    """
    shared = {"peer": "rpcfw", "kind": "unary", "modules": modules, "remark_bytes": 64}
    shared["wire"] = wire
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in chains}
    with ExitStack() as children:
        clients = {
            name: _client(children, shared, serve, call) for name, (serve, call) in chains.items()
        }
        order = {"in_flight": plan.in_flight[0], "seconds": plan.seconds}
        for _ in range(plan.repetitions):
            for name, client in clients.items():
                found[name].append(client.ask(order, plan.seconds * 2))
    return found


def _client(
    children: ExitStack, shared: dict[str, Any], serve: Sequence[str], call: Sequence[str]
) -> Child:
    """
    Start a server and a client of it; return the client.
    """
    server_core, client_core = cores()
    server = children.enter_context(
        Child({**shared, "role": "serve", "core": server_core, "sets": serve})
    )
    told = {**server.read(), "role": "call", "core": client_core, "sets": call}
    return children.enter_context(Child({**shared, **told, "server_pid": server.pid}))
