"""
Which calls of a connection are ended when it holds too much of what nobody has read.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.machine import Machine

__all__ = ["heaviest_calls"]


def heaviest_calls(machine: Machine, max_bytes: int) -> Iterator[int]:
    """
    Give the calls with the most unread messages, until the others hold ``max_bytes``.
    """
    excess = machine.unread_bytes - max_bytes
    if excess <= 0:
        return
    for size, call_id in sorted(machine.unread_calls(), reverse=True):
        yield call_id
        excess -= size
        if excess <= 0:
            return
