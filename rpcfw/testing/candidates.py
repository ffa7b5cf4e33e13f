"""
Candidates and calls for tests of routers, balancers and retry policies.
"""

from __future__ import annotations

from typing import Any

from attrs import define

from rpcfw.values.address import Address
from rpcfw.values.call import Call
from rpcfw.values.instance import DEFAULT_WEIGHT, Instance
from rpcfw.values.metadata import Metadata, MetadataLike
from rpcfw.values.method import Method, Shape

__all__ = ["StillCandidate", "a_call", "candidate", "candidates"]


@define(eq=False)
class StillCandidate:
    """
    A `rpcfw.spi.balancer.Candidate` that is nothing but its fields.
    """

    instance: Instance
    weight: int = DEFAULT_WEIGHT
    in_flight: int = 0


def candidate(id: str, weight: int = DEFAULT_WEIGHT, **fields: Any) -> StillCandidate:
    """
    Return a candidate for the instance with this id; ``fields`` are the instance's.
    """
    fields.setdefault("service", "demo.Greeter")
    fields.setdefault("address", Address("memory", id))
    return StillCandidate(Instance(id=id, weight=weight, **fields), weight)


def candidates(**weights: int) -> list[StillCandidate]:
    """
    Return candidates by id and weight: ``candidates(a=5, b=1)``.
    """
    return [candidate(name, weight) for name, weight in weights.items()]


def a_call(
    *,
    idempotent: bool = False,
    attempt: int = 0,
    tried: tuple[StillCandidate, ...] = (),
    metadata: MetadataLike | None = None,
) -> Call:
    """
    Return a unary call of ``demo.Greeter/say``.
    """
    method = Method(
        "demo.Greeter", "say", Shape.UNARY, bytes, bytes, codec="raw", idempotent=idempotent
    )
    return Call(method, b"", metadata=Metadata.of(metadata), attempt=attempt, tried=tried)
