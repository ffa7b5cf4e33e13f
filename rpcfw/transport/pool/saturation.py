"""
Whether calls wait for a connection to a node: then other nodes are better.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.runtime.clock import Clock, DelayedCall

__all__ = ["Saturation"]

#: How long a node stays saturated after the last call that waited. Otherwise routes would be
#: computed again with every call that ends.
_STAYS_S = 0.1


class Saturation:
    """
    The saturation of one node.

    Args:
        clock: time.
        waiting: returns whether calls wait now.
        changed: called when the saturation begins and when it ends.
    """

    def __init__(
        self, clock: Clock, waiting: Callable[[], bool], changed: Callable[[], None]
    ) -> None:
        #: Calls wait, or did a moment ago.
        self.lasts = False
        self._clock = clock
        self._waiting = waiting
        self._changed = changed
        #: Whether calls waited since the last look.
        self._waited = False
        self._timer: DelayedCall | None = None

    def begin(self) -> None:
        """
        Note that calls wait, or did until now.
        """
        self._waited = True
        if not self.lasts:
            self.lasts = True
            self._look_later()
            self._changed()

    def stop(self) -> None:
        """
        Stop looking.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = self._clock.callLater(_STAYS_S, self._look)

    def _look(self) -> None:
        if self._waiting() or self._waited:
            self._waited = False
            self._look_later()
        else:
            self.lasts = False
            self._changed()
