"""
Measures the time that this process lost, by a beat that should come at even intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from rpcfw.spi.runtime.histogram import Histogram
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["Heartbeat"]

#: Four turns a second cost an idle process a ten-thousandth of a processor.
_INTERVAL_S = 0.25
#: Later than this is a pause.
_LATE_S = 0.1
#: A pause excuses what is read for so long after it, at least; at most twice as long.
_RECENT_S = 5.0


class Heartbeat(Pauses):
    """
    Beats from `start` to `stop`.

    Args:
        seconds: what time is measured by.
        call_later: the reactor's.
    """

    def __init__(self, seconds: Callable[[], float], call_later: Callable[..., Any]) -> None:
        super().__init__()
        #: Notes how late each beat came; None: nobody wants to know.
        self.lag: Histogram | None = None
        self._seconds = seconds
        self._call_later = call_later
        self._due_at = inf
        self._timer: Any = None
        # What was lost by the last two marks.
        self._past_s = self._mark_s = 0.0
        self._mark_at = -inf

    def start(self) -> None:
        if self._timer is None:
            self._next(self._seconds())

    def stop(self) -> None:
        timer, self._timer = self._timer, None
        self._due_at = inf
        if timer is not None and timer.active():
            timer.cancel()

    def lost_s(self) -> float:
        # After a pause the reactor may read before it calls what was due.
        late_s = self._seconds() - self._due_at
        return self._lost_s + late_s if late_s > _LATE_S else self._lost_s

    def past_s(self) -> float:
        return self._past_s

    def _beat(self) -> None:
        lost_s = self._lost_s = self.lost_s()
        now = self._seconds()
        if self.lag is not None:
            self.lag.observe(max(0.0, now - self._due_at))
        if now >= self._mark_at:
            self._past_s, self._mark_s = self._mark_s, lost_s
            self._mark_at = now + _RECENT_S
        self._next(now)

    def _next(self, now: float) -> None:
        self._due_at = now + _INTERVAL_S
        self._timer = self._call_later(_INTERVAL_S, self._beat)
