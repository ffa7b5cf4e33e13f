"""
Candidates and calls for tests of routers, balancers and retry policies.
"""

from __future__ import annotations

from typing import Any

from attrs import define

from rpcfw.values.address import Address
from rpcfw.values.call import Call
from rpcfw.values.instance import DEFAULT_WEIGHT, Instance
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import Metadata, MetadataLike
from rpcfw.values.method import Method, Shape
from rpcfw.values.node_health import NodeHealth

__all__ = ["FixedCandidate", "a_call", "candidate", "candidates"]


@define(eq=False)
class FixedCandidate:
    """
    A `rpcfw.spi.balancer.Candidate` whose attributes are what a test says.
    """

    instance: Instance
    weight: int = DEFAULT_WEIGHT
    in_flight: int = 0
    reachable: bool = True
    health: NodeHealth = NodeHealth.HEALTHY
    load: LoadReport | None = None


def candidate(
    id: str, weight: int = DEFAULT_WEIGHT, *, reachable: bool = True, **fields: Any
) -> FixedCandidate:
    """
    Return a candidate for the instance with this id; ``fields`` are the instance's.
    """
    fields.setdefault("service", "demo.Greeter")
    fields.setdefault("address", Address("memory", id))
    return FixedCandidate(Instance(id=id, weight=weight, **fields), weight, reachable=reachable)


def candidates(**weights: int) -> list[FixedCandidate]:
    """
    Return candidates by id and weight: ``candidates(a=5, b=1)``.
    """
    return [candidate(name, weight) for name, weight in weights.items()]


def a_call(
    *,
    idempotent: bool = False,
    attempt: int = 0,
    tried: tuple[FixedCandidate, ...] = (),
    metadata: MetadataLike | None = None,
    method: str = "say",
    request: Any = b"",
    caller: str = "",
    peer: str = "",
) -> Call:
    """
    Return a unary call of ``demo.Greeter/say``, or another method of that service.
    """
    called = Method(
        "demo.Greeter", method, Shape.UNARY, bytes, bytes, codec="raw", idempotent=idempotent
    )
    pairs = Metadata.of(metadata)
    return Call(called, request, pairs, caller=caller, peer=peer, attempt=attempt, tried=tried)
