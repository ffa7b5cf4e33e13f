"""
How healthy a node is, as its connections, heartbeats and calls show.

Calls go to sub-healthy nodes only if too few are healthy. So among the nodes that a balancer
has, the states differ only then, and the scores of this collector with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.collector import Collector, CollectorOptions
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.units import Share

__all__ = ["State", "StateOptions"]


@options
class StateOptions(CollectorOptions):
    """
    What the INI may say.
    """

    sub_healthy: Share = option("20%", "score of a node that is sub-healthy")


class State(Collector):
    """
    Scores nodes by their health: 1 if healthy, less if sub-healthy, 0 if dead.
    """

    Options: ClassVar[type] = StateOptions

    def __init__(self, options: StateOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._scores = {
            NodeHealth.HEALTHY: 1.0,
            NodeHealth.SUB_HEALTHY: options.sub_healthy,
            NodeHealth.DEAD: 0.0,
        }

    def scores(self, candidates: Sequence[Candidate]) -> Sequence[float | None]:
        return [self._scores[one.health] for one in candidates]
