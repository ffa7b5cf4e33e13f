"""
Log lines at our pace, not at that of a peer, a registry or a file.

Lines are counted by kind: a short name that the code gives, never a text in which
something of the peer's stands, or each peer would be a kind of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from twisted.logger import Logger, LogLevel

__all__ = ["LimitedLog", "RateLimit"]

#: Kinds that are counted separately; all others together are one more. Where kinds are
#: made of what a registry says, this bounds the lines too.
_MAX_KINDS = 100


@define
class _Kind:
    since: float
    logged: int = 0
    withheld: int = 0


class RateLimit:
    """
    Says whether a line of a kind is due.

    Args:
        seconds: what time it is.
        interval_s: for how long lines are counted.
        burst: lines of one kind in that time.
    """

    def __init__(
        self, seconds: Callable[[], float], interval_s: float = 60.0, burst: int = 1
    ) -> None:
        self._seconds = seconds
        self._interval_s = interval_s
        self._burst = burst
        self._kinds: dict[str, _Kind] = {}

    def due(self, kind: str) -> int | None:
        """
        Return how many lines of the kind were withheld since its last; None: withhold this.
        """
        now = self._seconds()
        known = self._kinds.get(kind) or self._begin(kind, now)
        if now - known.since >= self._interval_s:
            known.since = now
            known.logged = 0
        if known.logged >= self._burst:
            known.withheld += 1
            return None
        known.logged += 1
        withheld, known.withheld = known.withheld, 0
        return withheld

    def _begin(self, kind: str, now: float) -> _Kind:
        if len(self._kinds) >= _MAX_KINDS:
            self._forget(now)
        if len(self._kinds) >= _MAX_KINDS:
            kind = ""
        return self._kinds.setdefault(kind, _Kind(now))

    def _forget(self, now: float) -> None:
        # What withheld lines is kept, or nobody would learn how many.
        self._kinds = {
            name: kind
            for name, kind in self._kinds.items()
            if kind.withheld or now - kind.since < self._interval_s
        }


class LimitedLog:
    """
    A log for what others cause.

    Args:
        log: where the lines go.
        seconds: what time it is.
        interval_s: for how long lines are counted.
        burst: lines of one kind in that time.
    """

    def __init__(
        self, log: Logger, seconds: Callable[[], float], interval_s: float = 60.0, burst: int = 5
    ) -> None:
        self._log = log
        self._limit = RateLimit(seconds, interval_s, burst)

    def warn_of(self, kind: str, format: str, **fields: Any) -> None:
        """
        Log a warning, unless there were enough of its kind.

        Args:
            kind: see the module.
            format: the line, and ``fields`` what is in it, as in Twisted's log.
        """
        self._emit(LogLevel.warn, kind, format, fields)

    def note_of(self, kind: str, format: str, **fields: Any) -> None:
        """
        Log what is no cause for alarm; otherwise as `warn_of`.
        """
        self._emit(LogLevel.info, kind, format, fields)

    def _emit(self, level: Any, kind: str, format: str, fields: dict[str, Any]) -> None:
        withheld = self._limit.due(kind)
        if withheld is None:
            return
        count = " ({withheld} lines of this kind were withheld)" if withheld else ""
        self._log.emit(level, format + count, withheld=withheld, **fields)
