"""
Calls of a peer that lets too many responses wait for its flow-control window.

The peer extends its window with frames of the same connection, so this side must continue to
read it. But further calls are not begun in the meantime: they wait here, each followed by
its other events.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from rpcfw.spi.events import CallCancelled, Event, RequestReceived
from rpcfw.spi.machine import Machine
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.backlog import Backlog
from rpcfw.transport.connection.buffer_quota import BufferQuota

__all__ = ["Postponed"]

#: The memory of a request, without its message.
_REQUEST_BYTES = 512


class Postponed:
    """
    The postponed calls of one connection.

    Args:
        quota: limits the bytes of responses that may wait before calls are postponed, and of
            postponed calls before further ones are refused. None: no limit.
    """

    __slots__ = ("_quota", "_sorted", "calls", "size")

    def __init__(self, quota: BufferQuota | None) -> None:
        #: The events of each. Read for every read of a connection, so it is no method.
        self.calls: dict[int, list[Event]] = {}
        #: The memory that they take.
        self.size = 0
        self._quota = quota
        #: The events that were looked at already, while too much waits: no call is in them.
        self._sorted: Iterator[Event] | None = None

    def sort(self, backlog: Backlog, machine: Machine) -> None:
        """
        Take calls that have to wait longer out of the backlog, or put them back.

        If it is called again, it does not look at the same events again.
        """
        too_much = machine.unsent_bytes > self._max_bytes()
        if backlog.events is self._sorted if too_much else not self.calls:
            return
        backlog.events = iter(self.due(list(backlog.events), machine))
        self._sorted = backlog.events if too_much else None

    def due(self, events: list[Event], machine: Machine) -> list[Event]:
        """
        Return the events that are to be acted on: of the new ones and of those that wait.

        Args:
            machine: knows how much waits to be sent, and refuses calls.
        """
        if machine.unsent_bytes <= self._max_bytes():
            return self._take() + events if self.calls else events
        return [event for event in events if not self._keeps(event, machine)]

    def drop(self, calls: Iterable[int]) -> None:
        """
        Forget these calls.
        """
        for waiting in filter(None, [self.calls.pop(call_id, None) for call_id in calls]):
            self.size -= _size(waiting[0])

    def clear(self) -> None:
        """
        Drop everything.
        """
        self._take()
        self._sorted = None

    def _take(self) -> list[Event]:
        waiting, self.calls, self.size = self.calls, {}, 0
        return [event for events in waiting.values() for event in events]

    def _max_bytes(self) -> int:
        return sys.maxsize if self._quota is None else self._quota.share

    def _keeps(self, event: Event, machine: Machine) -> bool:
        if type(event) is RequestReceived:
            self._begin(event, machine)
            return True
        waiting = self.calls.get(getattr(event, "call_id", 0))
        if waiting is None:
            return False
        if type(event) is CallCancelled:
            self.size -= _size(waiting[0])
            del self.calls[event.call_id]
        else:
            waiting.append(event)
        return True

    def _begin(self, event: RequestReceived, machine: Machine) -> None:
        size = _size(event)
        if self.size + size <= self._max_bytes():
            self.size += size
            self.calls[event.call_id] = [event]
            return
        text = (
            f"{machine.unsent_bytes} bytes of responses wait for a window on this connection (see "
            "max_connection_buffered_bytes), and so do too many calls"
        )
        hints = Hint.NOT_BEGUN
        machine.finish(event.call_id, Status.RESOURCE_EXHAUSTED, text, hints=hints)


def _size(event: Event) -> int:
    body = event.body if type(event) is RequestReceived else None
    return _REQUEST_BYTES + len(body or b"")
