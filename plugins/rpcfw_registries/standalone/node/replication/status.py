"""
What a registry server says of itself and of its group, to a person.
"""

from __future__ import annotations

import msgspec

__all__ = ["NodeStatus", "PeerStatus"]


class PeerStatus(msgspec.Struct):
    """
    Another server, as one server knows it.

    Args:
        number: of its last change that was received; -1: not known.
        silent_s: for how long nothing was received from it.
        leaving: it sent that it stops.
    """

    node: str
    address: str
    number: int
    silent_s: float
    leaving: bool


class NodeStatus(msgspec.Struct):
    """
    One server.

    Args:
        node: names this life of it.
        address: where the others reach it.
        hash: of its copy; equal copies have equal ones.
        number: of its last change.
        instances: in its copy.
        leases: of those, the ones that it keeps.
        watches: open at it.
        rules: the hash of its rules; empty if it does not exchange them.
        rule_scopes: services and applications that have rules.
        behind: why it may lack what others know; empty if it does not.
        connected: to the bus.
        trouble: why it is not.
        digest_s: the time between two digests.
    """

    node: str
    group: str
    address: str
    hash: str
    number: int
    instances: int
    leases: int
    watches: int
    behind: str
    connected: bool
    trouble: str
    digest_s: float
    peers: list[PeerStatus]
    rules: str = ""
    rule_scopes: int = 0
