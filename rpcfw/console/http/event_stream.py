"""
Server-sent events: one open response, to which events are written.

The form of the stream is that of the HTML standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

__all__ = ["EventStream"]


@implementer(IPushProducer)
class EventStream:
    """
    An open response. While the browser reads slower than events come, they are left out.

    Args:
        request: Twisted's, whose headers are not written yet.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        self._paused = False
        self._closed = False
        #: Whether it was paused when the last heartbeat was due.
        self._stuck = False
        self.on_closed: Callable[[], None] = lambda: None
        request.notifyFinish().addBoth(self._ended)
        request.registerProducer(self, True)
        request.write(b": open\n\n")

    @property
    def closed(self) -> bool:
        """
        Whether nothing can be written any longer.
        """
        return self._closed

    def send(self, name: str, text: str) -> None:
        """
        Send an event.
        """
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        self._write(f"event: {name}\n{lines}\n")

    def heartbeat(self) -> None:
        """
        Send a comment, so that no proxy closes the connection, and a lost one is noticed.

        A browser that has read nothing since the last one is given up.
        """
        if self._stuck:
            self._request.channel.abort()
        self._stuck = self._paused
        self._write(": \n\n")

    def close(self) -> None:
        """
        End the response.
        """
        if not self._closed:
            self._request.unregisterProducer()
            self._request.finish()

    def _write(self, text: str) -> None:
        if not self._closed and not self._paused:
            self._request.write(text.encode())

    def _ended(self, _: Any) -> None:
        self._closed = True
        self.on_closed()

    # IPushProducer.

    def pauseProducing(self) -> None:
        """
        Leave out events.
        """
        self._paused = True

    def resumeProducing(self) -> None:
        """
        Send the events that come.
        """
        self._paused = False

    def stopProducing(self) -> None:
        """
        Write nothing any longer: the connection is lost.
        """
        self._paused = True
