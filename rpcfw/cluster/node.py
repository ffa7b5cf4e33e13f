"""
A node: one instance as this client knows it, with its links and its load.
"""

from __future__ import annotations

from rpcfw.spi.filter import CallStep
from rpcfw.transport.link import LinkState
from rpcfw.transport.links import Links
from rpcfw.values.instance import Instance

__all__ = ["Node"]


class Node:
    """
    Fits `rpcfw.spi.balancer.Candidate`.

    Args:
        instance: what the registry says of it.
        links: the way to it.
    """

    __slots__ = ("__weakref__", "attempt", "in_flight", "instance", "links", "peer", "weight")

    #: The attempt stack down to the link; set by whoever builds it.
    attempt: CallStep

    def __init__(self, instance: Instance, links: Links) -> None:
        self.instance = instance
        self.links = links
        self.peer = str(instance.address)
        self.weight = instance.weight
        self.in_flight = 0

    @property
    def available(self) -> bool:
        """
        Whether a call would neither be refused at once nor have to wait.
        """
        links = self.links
        return links.state in (LinkState.READY, LinkState.IDLE) and not links.crowded

    @property
    def promising(self) -> bool:
        """
        Whether a call would wait, for the connection or for room on it.
        """
        links = self.links
        return links.state is LinkState.CONNECTING or links.crowded

    def update(self, instance: Instance) -> None:
        """
        Take over what changed of an instance at the same address.
        """
        self.instance = instance
        self.weight = instance.weight
