"""
Instances as rules have them: which get calls, and with what weight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from rpcfw.cluster.instance_rules import InstanceRule, RuledInstances
from rpcfw.values.instance import Instance

__all__ = ["Ruled", "ruled"]


@frozen
class Ruled:
    """
    What becomes of one instance.

    Args:
        weight: that consumers use.
        enabled: whether it gets calls.
        offline: a rule keeps it out of the registry; it is listed only if it does not follow.
    """

    weight: int
    enabled: bool
    offline: bool


def ruled(instances: Sequence[Instance], rules: Mapping[str, InstanceRule]) -> dict[str, Ruled]:
    """
    Return what becomes of each instance, by its id.
    """
    enabled: dict[str, int] = {}

    def take(left: Sequence[Instance]) -> None:
        enabled.clear()
        enabled.update((one.id, one.weight) for one in left)

    followed = RuledInstances(take)
    followed.follow(rules, "rules")
    followed.take(instances)
    offline = {*followed.offline}
    return {
        one.id: Ruled(
            enabled.get(one.id, one.weight),
            one.id in enabled,
            one.id in offline or str(one.address) in offline,
        )
        for one in instances
    }
