"""
What a connection has read and not yet acted on, in order.

Events that were read and had to wait come first. Bytes that came meanwhile stand behind
them as they are: the events of tiny requests take twenty times the memory of their bytes.
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
    See the module. It is false if nothing waits.
    """

    __slots__ = ("_pieces", "_received_at", "events")

    def __init__(self) -> None:
        #: What waits, for whoever takes from it.
        self.events: Iterator[Event] = iter([])
        self._pieces: list[bytes] = []
        self._received_at = 0.0

    def __bool__(self) -> bool:
        return bool(self._pieces or length_hint(self.events))

    @property
    def size(self) -> int:
        """
        What it takes, but for the messages in it.
        """
        return sum(map(len, self._pieces)) + _EVENT_BYTES * length_hint(self.events)

    def put(self, rest: Iterator[Event]) -> None:
        """
        Keep what is left of the events of one read. None may be waiting.
        """
        self.events = iter(without_cancelled(list(rest)))

    def put_bytes(self, data: bytes, now: float) -> None:
        """
        Keep bytes until all that came before them was acted on.
        """
        if not self._pieces:
            self._received_at = now
        self._pieces.append(data)

    def read(self, machine: Machine) -> float:
        """
        Make events of the bytes; return when the first of them came.
        """
        pieces, self._pieces = self._pieces, []
        self.put(iter(machine.receive(b"".join(pieces))))
        return self._received_at

    def drop(self, calls: Collection[int]) -> None:
        """
        Keep no event of these calls.
        """
        self.events = iter(without_calls(list(self.events), calls))

    def clear(self) -> None:
        """
        Keep nothing.
        """
        self.events = iter([])
        self._pieces.clear()


def without_calls(events: list[Event], calls: Collection[int]) -> list[Event]:
    """
    Return the events that are of none of these calls.
    """
    return [event for event in events if getattr(event, "call_id", 0) not in calls]


def without_cancelled(events: list[Event]) -> list[Event]:
    """
    Return the events without the calls that are both begun and cancelled in them.
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
