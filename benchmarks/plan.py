"""
What a run measures, and how thoroughly.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from subprocess import CalledProcessError

from attrs import field, frozen

from benchmarks import peers
from benchmarks.registry_scale.scale import Scale

__all__ = ["Plan", "is_usable"]


@frozen
class Plan:
    """
    How thorough a run is.

    Args:
        servers: those to measure; all there are if empty.
        clients: those to measure them with, over gRPC; likewise.
        in_flight: numbers of calls in flight.
        seconds: length of one measurement, after a warm-up of a quarter of it.
        repetitions: measurements of which the middle is told.
        payload_bytes: sizes of large payloads.
        zookeeper: address of a ZooKeeper server, if there is one to measure.
        hessian_lite: path of Java's library for Hessian, likewise.
        scale: of a simulated fleet.
        output: folder for what a command writes beside its rows; None: where it belongs.
    """

    servers: tuple[str, ...]
    clients: tuple[str, ...]
    in_flight: tuple[int, ...]
    seconds: float
    repetitions: int
    payload_bytes: tuple[int, ...] = (1 << 20,)
    zookeeper: str = ""
    hessian_lite: str = ""
    scale: Scale = field(factory=Scale)
    output: Path | None = None

    def alone(self, known: Sequence[str]) -> list[tuple[str, str]]:
        """
        Return each server that is asked for, with the client of the same name if there is one.
        """
        servers = _usable(known, self.servers)
        return [(peer, peers.CALLED_BY.get(peer, peer)) for peer in servers]

    def together(
        self, known: Sequence[str], callers: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        """
        Return each server that is asked for, with each client that is.

        Args:
            known: the servers that there are.
            callers: the clients, if they are others.
        """
        clients = _usable(callers or known, self.clients)
        return [(peer, client) for peer in _usable(known, self.servers) for client in clients]


def _usable(known: Sequence[str], asked: Sequence[str]) -> list[str]:
    return [one for one in known if (not asked or one in asked) and is_usable(one)]


@cache
def is_usable(peer: str) -> bool:
    """
    Whether a peer is installed, and could be built if it has to; said once if it is not.
    """
    reason = peers.missing(peer)
    try:
        if not reason:
            peers.prepare(peer)
    except CalledProcessError as error:
        reason = f"its build failed, see above: {error}"
    if reason:
        sys.stderr.write(f"{peer} is left out: {reason}\n")
    return not reason
