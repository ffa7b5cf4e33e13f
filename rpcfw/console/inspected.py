"""
What a process says of itself at its admin port: the parts of ``/inspect.json`` that are used here.

Unknown names are skipped, so that newer processes can be read.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "CalledHere",
    "Inspected",
    "InspectedMethod",
    "ProcessFacts",
    "RecentMethod",
    "shortened",
    "size_of",
]


#: Of methods, and of services, that are kept of one process.
_MAX_ROWS = 2000
#: What a row of a table takes, with what is made of it, but for the characters of its names.
_ROW_BYTES = 600

#: A process may say anything, and this is shown to people who look at others.
Name = Annotated[str, msgspec.Meta(max_length=2100)]
Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
#: A time; no process runs for longer than some thousand years. A larger number has 300 digits.
Time = Annotated[float, msgspec.Meta(ge=0, le=1e14)]


class ProcessFacts(msgspec.Struct, frozen=True):
    """
    The process.

    Args:
        run_id: made at its start, at random; empty: it is too old to have one.
    """

    run_id: Name = ""
    application: Name = ""
    phase: Name = ""
    ready: bool | None = None
    uptime_s: Time = 0.0
    rpcfw_version: Name = ""
    connections: Count = 0


class CalledHere(msgspec.Struct, frozen=True):
    """
    A service that it calls.
    """

    service: Name
    state: Name = ""
    nodes: Count = 0
    started: Count = 0
    succeeded: Count = 0
    failed: Count = 0


class InspectedMethod(msgspec.Struct, frozen=True):
    """
    A method that is called, at one side.

    Args:
        side: ``server`` or ``client``.
        ended: calls since the start; ``failed`` is a part of them.
        p50_ms: since the start, too.
    """

    side: Name
    service: Name
    method: Name
    ended: Count = 0
    failed: Count = 0
    in_flight: Count = 0
    p50_ms: Time | None = None
    p99_ms: Time | None = None


class RecentMethod(msgspec.Struct, frozen=True):
    """
    How long the calls of a method took in the last minute, at one side.
    """

    side: Name
    service: Name
    method: Name
    p50_ms: Time | None = None
    p99_ms: Time | None = None


class Inspected(msgspec.Struct, frozen=True):
    """
    The whole page.

    Args:
        last_minute: methods that were called in the last minute; None: the process says nothing
            of it.
    """

    process: ProcessFacts = ProcessFacts()
    called_services: list[CalledHere] = []
    methods: list[InspectedMethod] = []
    last_minute: list[RecentMethod] | None = None


def shortened(said: Inspected) -> Inspected:
    """
    Return what is kept of a page: tables of bounded length, however many rows a process sends.
    """
    recent = said.last_minute
    return msgspec.structs.replace(
        said,
        called_services=said.called_services[:_MAX_ROWS],
        methods=said.methods[:_MAX_ROWS],
        last_minute=None if recent is None else recent[:_MAX_ROWS],
    )


def size_of(said: Inspected) -> int:
    """
    Return about how many bytes of memory a page takes.
    """
    called, methods = said.called_services, [*said.methods, *(said.last_minute or ())]
    names = sum(len(each.side) + len(each.service) + len(each.method) for each in methods)
    names += sum(len(each.service) + len(each.state) for each in called)
    return names + _ROW_BYTES * (len(called) + len(methods))
