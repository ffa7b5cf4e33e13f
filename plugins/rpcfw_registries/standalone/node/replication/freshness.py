"""
Whether one registry server may lack what the others of its group know.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Freshness"]

_JOINING = "it has just started, and has not compared its copy with another server yet"
_AWAY = "it is not connected to its bus"
_RETURNED = "it was not connected to its bus, and has not compared its copy since"
_FAILING = "it could not compare its copy with that of another server; its log has the reason"


class Freshness:
    """
    Says so in words: `behind`.

    A server that has just started, or was cut off from the bus, is behind until it has compared
    its copy with that of another. If there is nobody to compare with for ``wait_s`` it takes what
    it has for all: providers have announced again by then. If comparisons fail meanwhile, there
    is somebody who may know more, so it remains behind until one succeeds or none fails for
    ``wait_s``.

    Pure: no clock.

    Args:
        changed: is called when `behind` has changed.
    """

    def __init__(self, now: float, wait_s: float, changed: Callable[[], None]) -> None:
        #: Why it may lack something; empty if it does not.
        self.behind = _JOINING
        self._wait_s = wait_s
        self._until = now + wait_s
        self._failing_until = now
        self._connected = False
        self._changed = changed

    @property
    def joining(self) -> bool:
        """
        Whether it has just started, and so may know nothing at all.
        """
        return self.behind == _JOINING

    def connection_changed(self, connected: bool, now: float) -> None:
        """
        Note whether the bus is connected.
        """
        self._connected = connected
        if self.joining:
            return
        if not connected:
            self._set(_AWAY)
        elif self.behind == _AWAY:
            self._until = now + self._wait_s
            self._set(_RETURNED)

    def compared(self) -> None:
        """
        Note that the copy has all that another server has, which is not joining itself.
        """
        if self._connected:
            self._set("")

    def failed(self, now: float) -> None:
        """
        Note that the copy could not be compared with that of another server.
        """
        self._failing_until = now + self._wait_s

    def look(self, now: float) -> None:
        """
        Do what is due. To be called every second or so.
        """
        if self.behind not in (_JOINING, _RETURNED, _FAILING) or now < self._until:
            return
        if not self._connected:
            self._set(_AWAY)
        else:
            self._set(_FAILING if now < self._failing_until else "")

    def _set(self, behind: str) -> None:
        if behind != self.behind:
            self.behind = behind
            self._changed()
