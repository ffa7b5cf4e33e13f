"""
Ends the calls of a connection whose unread messages take the most memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rpcfw.spi.machine import Machine
from rpcfw.status import Status
from rpcfw.transport.connection.buffer_quota import BufferQuota

if TYPE_CHECKING:
    from rpcfw.transport.connection.connection import Connection

__all__ = ["end_calls", "heaviest_calls"]

_REASON = (
    "the unread messages of this connection take too much memory, and this call has the most (see "
    "max_connection_buffered_bytes and max_buffered_bytes)"
)


def heaviest_calls(machine: Machine, max_bytes: int) -> Iterator[int]:
    """
    Yield the calls with the most unread messages, until the others hold ``max_bytes``.
    """
    excess = machine.unread_bytes - max_bytes
    if excess <= 0:
        return
    for size, call_id in sorted(machine.unread_calls(), reverse=True):
        yield call_id
        excess -= size
        if excess <= 0:
            return


def end_calls(connection: Connection, quota: BufferQuota, calls: Sequence[int]) -> None:
    """
    End these calls, here and at the peer.
    """
    if calls:
        quota.log_ended(connection.peer, len(calls))
    for call_id in calls:
        connection.end_call(call_id, Status.RESOURCE_EXHAUSTED, _REASON)
