"""
Telling the log the same thing seldom.
"""

from __future__ import annotations

from rpcfw.spi.clock import Clock

__all__ = ["Seldom"]

#: More different things than this are told as if they were one.
_MOST_KEYS = 1000


class Seldom:
    """
    Says whether a thing is due to be told again.
    """

    def __init__(self, clock: Clock, interval_s: float = 60.0) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._last: dict[str, float] = {}
        self._withheld: dict[str, int] = {}

    def due(self, key: str) -> int | None:
        """
        Return how often ``key`` was withheld since it was last told; None: withhold it.
        """
        now = self._clock.seconds()
        if key not in self._last and len(self._last) >= _MOST_KEYS:
            key = ""
        last = self._last.get(key)
        if last is not None and now - last < self._interval_s:
            self._withheld[key] = self._withheld.get(key, 0) + 1
            return None
        self._last[key] = now
        return self._withheld.pop(key, 0)
