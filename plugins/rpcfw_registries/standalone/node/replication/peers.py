"""
What a registry server tells the others of its group: the buckets of its copy that differ.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Annotated

import msgspec

from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.values.rule import service_scope
from rpcfw_registries.standalone.node.caller import current_caller
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.replication.copy import BUCKETS
from rpcfw_registries.standalone.node.replication.messages import Entries, parts
from rpcfw_registries.standalone.node.replication.replica import Replica
from rpcfw_registries.standalone.node.replication.status import NodeStatus

__all__ = ["COMPARE", "Part", "Peers"]

Hash = Annotated[int, msgspec.Meta(ge=0)]
Hashes = Annotated[list[Hash], msgspec.Meta(min_length=BUCKETS, max_length=BUCKETS)]


class Part(msgspec.Struct):
    """
    A part of the buckets that differ.
    """

    entries: Entries


class Peers(Service, name="rpcfw.registry.v1.Peers"):
    """
    Compare copies, and say how this server is.
    """

    def __init__(self, replica: Replica, guard: Guard, status: Callable[[], NodeStatus]) -> None:
        self._replica = replica
        self._status = status
        self._guard = guard

    @method(idempotent=True, timeout="60s")
    async def compare(self, hashes: Hashes) -> AsyncIterator[Part]:
        """
        Send all entries of the buckets whose hashes are not these, with the removals.
        """
        self._guard.check(current_caller(), Action.JOIN, service_scope(Peers.service_name))
        copy = self._replica.copy
        for entries in parts(copy.entries(copy.different(hashes))):
            yield Part(entries)

    @method(idempotent=True)
    def status(self) -> NodeStatus:
        """
        Return how this server is, and what it knows of the others.
        """
        self._guard.check(current_caller(), Action.WATCH, service_scope(Peers.service_name))
        return self._status()


COMPARE = next(one.method for one in offered(Peers) if one.attribute == "compare")
