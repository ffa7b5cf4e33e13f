"""
What the policies of a client cost: chains of them beside the default one, and each pick.

All chains call the same server, which listens at three addresses: a balancer needs nodes
to choose from.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chains import measure
from benchmarks.children import ChildError
from benchmarks.messages import generate
from benchmarks.picking import balancers, picking
from benchmarks.plan import Plan
from benchmarks.rows import Row, cost_columns, rate_columns

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
        sys.stderr.write(f"{error}\n")
    return rows


def _chains(plan: Plan, modules: str) -> list[Row]:
    listen = ", ".join(["tcp:127.0.0.1:0"] * NODES)
    chains = {
        name: ([f"server.listen={listen}"], sets)
        for name, sets in CHAINS.items()
        if name != "adaptive" or name in balancers()
    }
    return [
        {"chain": name, **rate_columns(found), **cost_columns(found)}
        for name, found in measure(plan, modules, chains).items()
    ]
