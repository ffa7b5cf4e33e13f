"""
The calls of the last minutes that failed or were slow.

What succeeds in time is not looked at, so it costs nothing. What is kept is bounded in number
and in size, since callers and peers cause it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any

from rpcfw.errors import CallError
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases
from rpcfw.values.recent_call import RecentCall
from rpcfw.values.slowness import Slowness

__all__ = ["MAX_TEXT", "RecentCalls", "message_of"]

#: So many characters of a text from others are kept.
MAX_TEXT = 300
_CLIENT = "client"


class RecentCalls:
    """
    Those of one process.

    Those that failed and those that were slow are kept apart, and so are those of its server
    and of its clients: none displaces others.

    Args:
        seconds: the clock that calls are measured with.
        time_of_day: seconds since 1970.
        slowness: which calls are slow.
        max_calls: so many are kept of each kind; 0: none.
        keep_s: for how long they are shown.
    """

    def __init__(
        self,
        seconds: Callable[[], float],
        time_of_day: Callable[[], float],
        slowness: Slowness | None = None,
        max_calls: int = 100,
        keep_s: float = 600.0,
    ) -> None:
        self.slowness = slowness or Slowness()
        self._seconds = seconds
        self._time_of_day = time_of_day
        self._max_calls = max_calls
        self._keep_s = keep_s
        self._numbers = count(1)
        self._kept: dict[tuple[str, bool], deque[tuple[Any, ...]]] = {}

    def next_number(self) -> int:
        """
        Return the number of another call that something is written about.
        """
        return next(self._numbers)

    def succeeded(self, side: str, call: Call, took_s: float) -> None:
        """
        Keep a call that succeeded, if it was slow.

        Only of a call with one message each way is it known how long it should take.
        """
        slowness = self.slowness
        # On a busy machine all calls come here. What took less than the share of the time that
        # is left took less than the share of all its time, too: one comparison for most.
        left_s = call.deadline - self._seconds()
        if took_s < slowness.after_s and took_s < slowness.share * left_s:
            return
        if call.method.unary and self._slow(call, took_s):
            self._keep(side, call, Status.OK, True, took_s, None)

    def failed(
        self,
        side: str,
        call: Call,
        status: Status,
        took_s: float,
        error: BaseException | None = None,
    ) -> None:
        """
        Keep a call that failed.

        Args:
            error: None if there is only the status.
        """
        slow = call.method.unary and self._slow(call, took_s)
        self._keep(side, call, status, slow, took_s, error)

    def all(self) -> tuple[RecentCall, ...]:
        """
        Return those that are kept, the last one first.
        """
        since = self._seconds() - self._keep_s
        kept = [each for calls in self._kept.values() for each in calls if each[0] >= since]
        kept.sort(key=lambda each: (each[0], each[1]), reverse=True)
        return tuple(_shown(*each[1:]) for each in kept)

    def _slow(self, call: Call, took_s: float) -> bool:
        return self.slowness.reached(took_s, _limit_s(call, self._seconds(), took_s))

    def _keep(
        self,
        side: str,
        call: Call,
        status: Status,
        slow: bool,
        took_s: float,
        error: BaseException | None,
    ) -> None:
        if not self._max_calls:
            return
        key = side, status is Status.OK
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = deque(maxlen=self._max_calls)
        now, phases = self._seconds(), call.phases
        number = phases.number if phases is not None and phases.number else self.next_number()
        if phases is not None:
            phases.number = number
            phases.end(now)
        # A tuple: thousands of calls may fail in a second, and nobody may ever look at them.
        # Nothing of it holds the call. The phases are read later, since encoding is to come.
        kept.append(
            (
                now,
                number,
                self._time_of_day(),
                side,
                call.method.service,
                call.method.name,
                call.peer,
                call.caller[:MAX_TEXT] if side != _CLIENT else "",
                status,
                slow,
                message_of(error),
                error.hints if isinstance(error, CallError) else Hint.NONE,
                call.attempt,
                took_s,
                _limit_s(call, now, took_s),
                phases,
                call.trace_id,
            )
        )


def message_of(error: BaseException | None) -> str:
    """
    Return what is shown of an error: of a bug its kind alone, since its text may be secret.
    """
    if isinstance(error, CallError):
        return error.message[:MAX_TEXT]
    return "" if error is None else type(error).__name__


def _limit_s(call: Call, now: float, took_s: float) -> float:
    """
    Return the time that a call had, to a microsecond: it was not kept.
    """
    return round(call.deadline - (now - took_s), 6)


def _shown(*facts: Any) -> RecentCall:
    *before, phases, trace_id = facts
    times = phases.items() if isinstance(phases, Phases) else ()
    whole = (*before, times, trace_id)
    return RecentCall(*whole)
