"""
A node: one instance as this client knows it, with its links and its load.
"""

from __future__ import annotations

from enum import IntEnum
from operator import attrgetter

from rpcfw.spi.filter import CallStep
from rpcfw.transport.pool.link import LinkState
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.values.instance import Instance
from rpcfw.values.load_report import LoadReport
from rpcfw.values.node_health import NodeHealth

__all__ = ["Node", "Rank"]


class Rank(IntEnum):
    """
    What a call may expect of a node, the best first.
    """

    #: It takes a call at once.
    READY = 0
    #: It is not connected, and nothing speaks against it: it is new, or was idle.
    UNTRIED = 1
    #: It is connected, and calls wait for capacity on its connections.
    SATURATED = 2
    #: It is connected, and does not answer heartbeats.
    SILENT = 3
    #: It is tried again; the last try to connect has failed, or it was given up.
    FAILED = 4
    #: It waits for its next try.
    UNREACHABLE = 5


class Node:
    """
    Fits `rpcfw.spi.balancer.Candidate`.

    Args:
        instance: what the registry says of it.
        links: the way to it.
    """

    __slots__ = (
        "__weakref__",
        "attempt",
        "failures",
        "health",
        "in_flight",
        "instance",
        "links",
        "overran",
        "peer",
        "silent",
        "weight",
    )

    #: The attempt stack down to the link; set by the code that builds it.
    attempt: CallStep

    def __init__(self, instance: Instance, links: ConnectionPool) -> None:
        self.instance = instance
        self.links = links
        self.peer = str(instance.address)
        self.weight = instance.weight
        self.in_flight = 0
        #: The four below are about its health; see `rpcfw.cluster.health`.
        self.health = NodeHealth.HEALTHY
        #: It is connected, and has missed several heartbeats until now.
        self.silent = False
        #: Attempts that the node has failed.
        self.failures = 0
        #: An attempt has overrun its time since somebody looked.
        self.overran = False

    @property
    def rank(self) -> Rank:
        """
        How good a place it is for a call right now.
        """
        links = self.links
        state = links.state
        if state is LinkState.READY:
            if self.silent:
                return Rank.SILENT
            return Rank.SATURATED if links.saturated else Rank.READY
        if state is LinkState.IDLE or state is LinkState.CONNECTING:
            dead = links.failed or self.health is NodeHealth.DEAD
            return Rank.FAILED if dead else Rank.UNTRIED
        return Rank.UNREACHABLE

    @property
    def reachable(self) -> bool:
        """
        False if the last try to connect has failed.
        """
        return self.rank < Rank.FAILED

    @property
    def load(self) -> LoadReport | None:
        """
        What its server said last about its load, if it was asked.
        """
        reports = [driver.load for driver in self.links.drivers if driver.load is not None]
        return max(reports, key=attrgetter("received_at"), default=None)

    def update(self, instance: Instance) -> None:
        """
        Take over what changed of an instance at the same address.
        """
        self.instance = instance
        self.weight = instance.weight
