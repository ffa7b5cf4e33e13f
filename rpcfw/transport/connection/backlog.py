"""
What a connection has received and not yet acted on, in order.

Events that had to wait come first. Bytes that arrived in the meantime follow them unread: the
events of tiny requests take twenty times the memory of their bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from operator import length_hint

from rpcfw.spi.events import (
    CallCancelled,
    Event,
    HalfClosed,
    MessageReceived,
    RequestReceived,
)
from rpcfw.spi.machine import Machine

__all__ = ["Backlog", "without_calls"]

_EVENT_BYTES = 128


class Backlog:
    """
    Events, and the bytes that follow them. It is false if nothing waits.
    """

    __slots__ = ("_pieces", "_received_at", "events")

    def __init__(self) -> None:
        #: The events that wait. An event that is handled is taken from here.
        self.events: Iterator[Event] = iter([])
        self._pieces: list[bytes] = []
        self._received_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._pieces or length_hint(self.events))

    @property
    def size(self) -> int:
        """
        The memory that it takes, without the messages in the events.
        """
        return sum(map(len, self._pieces)) + _EVENT_BYTES * length_hint(self.events)

    def put(self, rest: Iterator[Event]) -> None:
        """
        Keep the remaining events of one read. No other events may be waiting.
        """
        self.events = iter(without_cancelled(list(rest)))

    def put_bytes(self, data: bytes, now: float) -> None:
        """
        Keep bytes until everything before them was acted on.
        """
        if not self._pieces:
            self._received_at = now
        self._pieces.append(data)

    def read(self, machine: Machine) -> float:
        """
        Let the machine read the bytes; return when the first of them arrived.
        """
        pieces, self._pieces = self._pieces, []
        self.put(iter(machine.receive(b"".join(pieces))))
        return self._received_at

    def drop(self, calls: Collection[int]) -> None:
        """
        Drop the events of these calls.
        """
        self.events = iter(without_calls(list(self.events), calls))

    def clear(self) -> None:
        """
        Drop everything.
        """
        self.events = iter([])
        self._pieces.clear()


def without_calls(events: list[Event], calls: Collection[int]) -> list[Event]:
    """
    Return the events of other calls.
    """
    return [event for event in events if getattr(event, "call_id", 0) not in calls]


def without_cancelled(events: list[Event]) -> list[Event]:
    """
    Leave out the calls that are both begun and cancelled in these events.
    """
    cancelled = {event.call_id for event in events if type(event) is CallCancelled}
    if cancelled:
        cancelled &= {event.call_id for event in events if type(event) is RequestReceived}
    if not cancelled:
        return events
    of_calls = (RequestReceived, MessageReceived, HalfClosed, CallCancelled)
    return [
        event
        for event in events
        if not (isinstance(event, of_calls) and event.call_id in cancelled)
    ]
