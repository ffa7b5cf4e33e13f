"""
The states of a link, and how each event moves it from one to another.

::

    IDLE ──WANTED──► CONNECTING ──GREETED──► READY ──LOST, UNUSED──► IDLE
                      ▲      │                 │
                      │      └─────FAILED──────┴──HUNG_UP──► WAITING ──DELAY_OVER──► IDLE
                      └─────────────RETRIED───────────────────┘
    any ──CLOSED──► CLOSED
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

__all__ = ["TRANSITIONS", "LinkEvent", "LinkState", "follows"]


class LinkState(Enum):
    """
    The state of a link.
    """

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    WAITING = "waiting"
    CLOSED = "closed"


class LinkEvent(Enum):
    """
    What can happen to a link.
    """

    WANTED = "a call or a kept link wants a connection"
    RETRIED = "a call wants it, and the first delay since its failure is over"
    GREETED = "the handshake is completed"
    FAILED = "the connection could not be established"
    LOST = "the connection is lost, or its peer takes no more calls"
    HUNG_UP = "it was lost so early that it counts as a failure"
    UNUSED = "it had no call for the idle timeout"
    DELAY_OVER = "the delay after a failure is over"
    CLOSED = "it was closed for good, or is drained"


_IDLE = LinkState.IDLE
_CONNECTING = LinkState.CONNECTING
_READY = LinkState.READY
_WAITING = LinkState.WAITING
_CLOSED = LinkState.CLOSED

#: For each event the state that follows, by the state before: IDLE, CONNECTING, READY, WAITING,
#: CLOSED. If that is the same state, the event is too late or changes nothing.
TRANSITIONS: Mapping[LinkEvent, tuple[LinkState, LinkState, LinkState, LinkState, LinkState]] = {
    LinkEvent.WANTED: (_CONNECTING, _CONNECTING, _READY, _WAITING, _CLOSED),
    LinkEvent.RETRIED: (_IDLE, _CONNECTING, _READY, _CONNECTING, _CLOSED),
    LinkEvent.GREETED: (_IDLE, _READY, _READY, _WAITING, _CLOSED),
    LinkEvent.FAILED: (_IDLE, _WAITING, _READY, _WAITING, _CLOSED),
    LinkEvent.LOST: (_IDLE, _CONNECTING, _IDLE, _WAITING, _CLOSED),
    LinkEvent.HUNG_UP: (_IDLE, _CONNECTING, _WAITING, _WAITING, _CLOSED),
    LinkEvent.UNUSED: (_IDLE, _CONNECTING, _IDLE, _WAITING, _CLOSED),
    LinkEvent.DELAY_OVER: (_IDLE, _CONNECTING, _READY, _IDLE, _CLOSED),
    LinkEvent.CLOSED: (_CLOSED, _CLOSED, _CLOSED, _CLOSED, _CLOSED),
}

_COLUMN = {state: column for column, state in enumerate(LinkState)}


def follows(state: LinkState, event: LinkEvent) -> LinkState:
    """
    Return the state that follows an event.
    """
    return TRANSITIONS[event][_COLUMN[state]]
