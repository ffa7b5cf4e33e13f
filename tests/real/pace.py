"""
Calls at a steady rate, whatever becomes of them: an open load.

A call begins when it is due, not when the one before has ended, so what hangs is seen
to hang.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["Pace"]

#: How often it is seen which calls are due.
_EVERY_S = 0.004
#: More than this is not made up for when the machine was busy elsewhere.
_MAX_BEHIND_S = 0.25


class Pace:
    """
    Begins so many calls a second.

    Args:
        reactor: whose timer it uses.
        rate: calls a second.
        begin: begins one; is given its number, from 0.
    """

    def __init__(self, reactor: Any, rate: float, begin: Callable[[int], None]) -> None:
        self._reactor = reactor
        self._rate = rate
        self._begin = begin
        self._began_at = 0.0
        self.stopped = False
        self.begun = 0
        #: So many were not begun, because the machine was busy elsewhere.
        self.skipped = 0

    @property
    def past_s(self) -> float:
        """
        How long it has run.
        """
        return time.monotonic() - self._began_at

    def start(self) -> None:
        self._began_at = time.monotonic()
        self._turn()

    def stop(self) -> None:
        self.stopped = True

    def _turn(self) -> None:
        if self.stopped:
            return
        due = int(self.past_s * self._rate) - self.begun - self.skipped
        late = max(0, due - int(self._rate * _MAX_BEHIND_S))
        self.skipped += late
        for _ in range(due - late):
            self.begun += 1
            self._begin(self.begun - 1)
        self._reactor.callLater(_EVERY_S, self._turn)
