"""
The instances of an explanation: which of them were removed, by what, and the shares of the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rpcfw.client.explained_call import ExplainedCall
from rpcfw.cluster.node import Node
from rpcfw.spi.balancer import Shares
from rpcfw.values.explanation import ExplainedInstance, ExplainedPolicy

__all__ = ["explained_instances"]


def explained_instances(
    found: ExplainedCall, routers: Sequence[ExplainedPolicy]
) -> Iterator[ExplainedInstance]:
    """
    Return the nodes: those that the balancer gets by their shares, then the others.

    Args:
        routers: those of the route, in their order.
    """
    route, shares = found.route, found.route.shares
    removed = _removed(found, routers)

    def of(node: Node) -> ExplainedInstance:
        by, reason = removed.get(node, ("", ""))
        return ExplainedInstance(
            id=node.instance.id,
            address=str(node.instance.address),
            zone=node.instance.zone,
            group=node.instance.group,
            version=node.instance.version,
            tags=node.instance.tags,
            weight=node.weight,
            connection=node.rank.name.lower(),
            health=str(node.health),
            in_flight=node.in_flight,
            removed_by=by,
            reason=reason,
            share=0.0 if by else _share(shares, node),
            score=None if shares is None else shares.scores.get(node),
            breaker=found.breakers.get(node, ""),
            probes=found.probes.get(node, ""),
        )

    each = [of(node) for node in route.nodes]
    each.sort(key=lambda one: (bool(one.removed_by), -(one.share or 0.0), one.address, one.id))
    return iter(each)


def _share(shares: Shares | None, node: Node) -> float | None:
    return None if shares is None else shares.of.get(node, 0.0)


def _removed(
    found: ExplainedCall, routers: Sequence[ExplainedPolicy]
) -> Mapping[Node, tuple[str, str]]:
    """
    Return by what each node was removed, with the reason.
    """
    route = found.route
    removed: dict[Node, tuple[str, str]] = {}
    for step, router in zip(route.steps, routers, strict=True):
        kept = set(step.after)
        for node in step.before:
            if node not in kept:
                reason = step.reasons.of(node) or router.says
                removed[node] = router.section, reason or f"see {router.place}"
    usable = set(route.usable)
    for node in route.left:
        if node not in usable:
            removed[node] = "selection", _why_not_usable(node, route.usable[0])
    return removed


def _why_not_usable(node: Node, other: Node) -> str:
    """
    Return why the balancer gets another node, and not this one.
    """
    if other.weight and not node.weight:
        return "it is drained: its weight is 0"
    if other.rank is node.rank:
        return f"others are {other.health}, this one is {node.health}"
    return f"others are {other.rank.name.lower()}, this one is {node.rank.name.lower()}"
