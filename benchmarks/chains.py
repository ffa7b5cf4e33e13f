"""
Chains of filters beside each other.

Each has a client of its own, and a server unless another chain's has the same settings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from benchmarks.plan import Plan
from benchmarks.rounds import Found, Pair
from benchmarks.rounds import measure as measure_pairs

__all__ = ["Chains", "measure"]

#: The settings of server and client by the name of the chain.
Chains = Mapping[str, tuple[Sequence[str], Sequence[str]]]


def measure(
    plan: Plan, modules: str, chains: Chains, wire: str = "native"
) -> dict[str, Sequence[Found]]:
    """
    Return what each chain's client found, round by round, by the name of the chain.

    It is measured with the first number of calls in flight.
    """
    shared: Mapping[str, Any] = {
        "peer": "rpcfw",
        "kind": "unary",
        "modules": modules,
        "remark_bytes": 64,
        "wire": wire,
    }
    pairs = [
        Pair({"chain": name}, {"sets": serve}, {"sets": call})
        for name, (serve, call) in chains.items()
    ]
    measured = measure_pairs(evolve(plan, in_flight=plan.in_flight[:1]), pairs, shared)
    return {one.pair.names["chain"]: one.found for one in measured}
