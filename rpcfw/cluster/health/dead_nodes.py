"""
Dead nodes are connected to again, a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterable

from rpcfw.cluster.health.record import HealthRecord
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.node_health import NodeHealth

__all__ = ["retry_dead"]

#: So many dead nodes are connected to at a time.
_MAX_CONNECTING = 8
#: A dead node is retried after this share of the time for which it is dead.
_SHARE_OF_DEATH = 0.1


def retry_dead(records: Iterable[HealthRecord], retry_delay_s: float, now: float) -> None:
    """
    Connect to nodes that are dead and were connected before, those that died last first.

    Args:
        retry_delay_s: see `HealthOptions`.
    """
    places = _MAX_CONNECTING
    dead = [one for one in records if one.node.health is NodeHealth.DEAD]
    waiting = []
    for record in dead:
        if record.node.links.state is LinkState.CONNECTING:
            places -= 1
        elif record.served:
            delay_s = max(retry_delay_s, _SHARE_OF_DEATH * (now - record.died_at))
            if now - record.failed_at >= delay_s:
                waiting.append(record)
    waiting.sort(key=_died_at, reverse=True)
    for record in waiting[: max(0, places)]:
        record.node.links.retry()


def _died_at(record: HealthRecord) -> float:
    return record.died_at
