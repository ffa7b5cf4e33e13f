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
    What a link is about.
    """

    IDLE = "idle"
    CONNECTING = "connecting"
    READY = "ready"
    WAITING = "waiting"
    CLOSED = "closed"


class LinkEvent(Enum):
    """
    What may happen to a link.
    """

    WANTED = "somebody wants it"
    RETRIED = "somebody wants it, and the first delay since its failure is over"
    GREETED = "the peer has greeted"
    FAILED = "no connection could be had"
    LOST = "the connection is gone, or its peer takes no more calls"
    HUNG_UP = "it is gone so soon that it counts as a failure"
    UNUSED = "it had no call for the idle time"
    DELAY_OVER = "the delay after a failure is over"
    CLOSED = "it was closed for good, or is drained"


_IDLE = LinkState.IDLE
_CONNECTING = LinkState.CONNECTING
_READY = LinkState.READY
_WAITING = LinkState.WAITING
_CLOSED = LinkState.CLOSED

#: For each event the state that follows, by the state before: IDLE, CONNECTING, READY, WAITING,
#: CLOSED. Where that is the same one, the event comes too late or changes nothing.
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
    Return the state that follows.
    """
    return TRANSITIONS[event][_COLUMN[state]]
