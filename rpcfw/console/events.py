"""
Live pages: tells browsers that something has changed, by server-sent events.

An event has no content. The page then asks for itself again, with the rights of its session, and
replaces its live parts. So there is one way to make a page, and one place that checks who sees it.
"""

from __future__ import annotations

from typing import Any

from rpcfw.console.access.sessions import Session, Sessions
from rpcfw.console.http.event_stream import EventStream
from rpcfw.spi.runtime.clock import Clock, DelayedCall

__all__ = ["Events"]

#: Changes within this time are one event.
_GATHER_S = 1.0
_HEARTBEAT_S = 15.0
#: Of one user: a person has some pages open, a script may have many, and many sessions.
_MAX_OF_USER = 10


class Events:
    """
    The open streams.

    Args:
        max_streams: over it a page is not updated by itself.
    """

    def __init__(self, sessions: Sessions, max_streams: int, clock: Clock) -> None:
        self._sessions = sessions
        self._max_streams = max_streams
        self._clock = clock
        self._streams: dict[EventStream, Session] = {}
        self._due: DelayedCall | None = None
        self._beat: DelayedCall | None = None

    @property
    def count(self) -> int:
        """
        How many streams are open.
        """
        return len(self._streams)

    def admits(self, session: Session) -> bool:
        """
        Tell whether the user of a session may have one more stream.
        """
        own = sum(1 for each in self._streams.values() if each.user == session.user)
        return len(self._streams) < self._max_streams and own < _MAX_OF_USER

    def add(self, stream: EventStream, session: Session) -> None:
        """
        Send events until the browser or the session is gone.
        """
        self._streams[stream] = session
        stream.on_closed = lambda: self._removed(stream, session)
        session.on_end.append(stream.close)
        if self._beat is None:
            self._beat = self._clock.callLater(_HEARTBEAT_S, self._heartbeat)

    def changed(self) -> None:
        """
        Have the live pages loaded again.
        """
        if self._due is None and self._streams:
            self._due = self._clock.callLater(_GATHER_S, self._send)

    def stop(self) -> None:
        """
        Close all streams.
        """
        for stream in tuple(self._streams):
            stream.close()
        for call in (self._due, self._beat):
            if call is not None and call.active():
                call.cancel()
        self._due = self._beat = None

    def _send(self) -> None:
        self._due = None
        for stream in tuple(self._streams):
            stream.send("changed", "")

    def _heartbeat(self) -> None:
        # Nobody asks for the sessions of pages that are only looked at.
        self._sessions.expire()
        for stream in tuple(self._streams):
            stream.heartbeat()
        self._beat = None
        if self._streams:
            self._beat = self._clock.callLater(_HEARTBEAT_S, self._heartbeat)

    def _removed(self, stream: EventStream, session: Session) -> None:
        self._streams.pop(stream, None)
        close: Any = stream.close
        if close in session.on_end:
            session.on_end.remove(close)
