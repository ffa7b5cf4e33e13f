"""
Which copies of instances a bridge keeps in a registry. Pure: no clock, no network.

A copy differs from its instance in a tag with the name of its bridge, and in its id, which ends
with that name. So a copy never has the key of another record: neither of the instance itself,
if it is announced in both registries, nor of the copy that another bridge keeps.

Rules:

- A copy is never copied. So there are no loops, whichever way bridges go.
- An instance that is announced in the target too, with the same id and address, needs no copy.
- Bridges share the weight of an instance, so that it gets no more calls than the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from attrs import evolve

from rpcfw.values.instance import Instance

__all__ = ["BRIDGE_TAG", "is_copy", "wanted_copies"]

#: The tag of a copy: the name of the bridge that keeps it.
BRIDGE_TAG: Final = "rpcfw.bridge"


def is_copy(instance: Instance) -> bool:
    """
    Tell whether a bridge keeps this instance.
    """
    return BRIDGE_TAG in instance.tags


def wanted_copies(
    source: Iterable[Instance], target: Iterable[Instance], bridge: str
) -> dict[str, Instance]:
    """
    Return the copies that a bridge shall keep of one service, by their ids.

    Args:
        source: what the registry lists that is copied from.
        target: what the other one lists.
        bridge: its name.
    """
    native: set[tuple[str, object]] = set()
    others: Counter[str] = Counter()
    for each in target:
        owner = each.tags.get(BRIDGE_TAG)
        if owner is None:
            native.add((each.id, each.address))
        elif owner != bridge:
            others[each.id.removesuffix(f".{owner}")] += 1
    copies = (
        _copy(each, bridge, 1 + others[each.id])
        for each in source
        if not is_copy(each) and (each.id, each.address) not in native
    )
    return {copy.id: copy for copy in copies}


def _copy(instance: Instance, bridge: str, bridges: int) -> Instance:
    weight = instance.weight
    return evolve(
        instance,
        id=f"{instance.id}.{bridge}",
        tags={**instance.tags, BRIDGE_TAG: bridge},
        # Weight 0 stays 0, and no other becomes 0: that would stop all calls.
        weight=weight and max(1, weight // bridges),
    )
