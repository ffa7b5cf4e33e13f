"""
What a process says of itself at its admin port: the parts of ``/inspect.json`` that are used here.

Unknown names are skipped, so that newer processes can be read.
"""

from __future__ import annotations

import msgspec

__all__ = ["CalledHere", "Inspected", "InspectedMethod", "ProcessFacts", "ServedHere"]


class ProcessFacts(msgspec.Struct, frozen=True):
    """
    The process.
    """

    application: str = ""
    phase: str = ""
    ready: bool | None = None
    uptime_s: float = 0.0
    rpcfw_version: str = ""
    connections: int = 0


class ServedHere(msgspec.Struct, frozen=True):
    """
    A service that it serves.
    """

    service: str
    health: str = ""


class CalledHere(msgspec.Struct, frozen=True):
    """
    A service that it calls.
    """

    service: str
    state: str = ""
    nodes: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0


class InspectedMethod(msgspec.Struct, frozen=True):
    """
    A method that is called, at one side.

    Args:
        side: ``server`` or ``client``.
        ended: calls since the start; ``failed`` is a part of them.
    """

    side: str
    service: str
    method: str
    ended: int = 0
    failed: int = 0
    in_flight: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None


class Inspected(msgspec.Struct, frozen=True):
    """
    The whole page.
    """

    process: ProcessFacts = ProcessFacts()
    services: list[ServedHere] = []
    called_services: list[CalledHere] = []
    methods: list[InspectedMethod] = []
