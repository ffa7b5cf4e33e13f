"""
A node: one instance as this client knows it, with its link and its load.
"""

from __future__ import annotations

from rpcfw.spi.filter import CallStep
from rpcfw.transport.link import Link, LinkState
from rpcfw.values.instance import Instance

__all__ = ["Node"]


class Node:
    """
    Fits `rpcfw.spi.balancer.Candidate`.

    Args:
        instance: what the registry says of it.
        link: the way to it.
    """

    __slots__ = ("__weakref__", "attempt", "in_flight", "instance", "link", "peer", "weight")

    #: The attempt stack down to the link; set by whoever builds it.
    attempt: CallStep

    def __init__(self, instance: Instance, link: Link) -> None:
        self.instance = instance
        self.link = link
        self.peer = str(instance.address)
        self.weight = instance.weight
        self.in_flight = 0

    @property
    def available(self) -> bool:
        """
        Whether a call would not be refused at once.
        """
        return self.link.state in (LinkState.READY, LinkState.IDLE)

    @property
    def connecting(self) -> bool:
        """
        Whether a call would wait for the connection.
        """
        return self.link.state is LinkState.CONNECTING

    def update(self, instance: Instance) -> None:
        """
        Take over what changed of an instance at the same address.
        """
        self.instance = instance
        self.weight = instance.weight
