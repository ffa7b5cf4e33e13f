"""
Which signatures of a key were seen: none is good twice.

Theory of operation. A signature is good for a limited time, so each has to be remembered only
that long. They are kept by the second of their own time stamp, and the seconds that are over are
dropped whole. Only a signature that was verified is kept, so nobody without the key takes memory,
and each key has its own. If the memory is full, further calls of that key are refused until the
oldest second is over: a replay never passes.

The wall clock may jump. What was dropped because of a jump forward is refused afterwards, unless
the clock goes back by more than all the time that signatures are good for. Then it is taken for
corrected, or honest calls would be refused until the wrong time has come.
"""

from __future__ import annotations

from enum import Enum

__all__ = ["MAX_SKEW_S", "Replays", "Verdict"]

#: How far, at most, a time stamp may be from the clock.
MAX_SKEW_S = 300


class Verdict(Enum):
    """
    What is known of a signature.
    """

    NEW = "new"
    SEEN = "seen"
    FULL = "full"


class Replays:
    """
    The codes of one key.
    """

    def __init__(self) -> None:
        self._by_second: dict[int, set[bytes]] = {}
        self._count = 0
        #: Signatures up to this second were dropped.
        self._dropped = -1

    def __len__(self) -> int:
        return self._count

    def note(self, code: bytes, time_s: int, oldest_s: int, max_codes: int) -> Verdict:
        """
        Keep a code, unless it is there.

        Args:
            time_s: the second of its time stamp.
            oldest_s: the first second in which signatures are still good.
            max_codes: how many are kept.
        """
        codes = self._by_second.get(time_s)
        if codes is None or self._count >= max_codes:
            self._drop(oldest_s - 1)
            if time_s <= self._dropped:
                return Verdict.SEEN  # perhaps; nobody knows any more
            codes = self._by_second.setdefault(time_s, set())
        if code in codes:
            return Verdict.SEEN
        if self._count >= max_codes:
            return Verdict.FULL
        codes.add(code)
        self._count += 1
        return Verdict.NEW

    def _drop(self, until_s: int) -> None:
        """
        Forget the seconds up to one.
        """
        if until_s < self._dropped - 2 * MAX_SKEW_S:
            self._dropped = -1  # the clock was wrong; see the module
        for second in [each for each in self._by_second if each <= until_s]:
            self._count -= len(self._by_second.pop(second))
        self._dropped = max(self._dropped, until_s)
