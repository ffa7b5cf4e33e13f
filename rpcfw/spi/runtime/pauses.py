"""
The time that this process lost, for code that measures peers by time.

Theory of operation. A process may be stopped by a signal or a debugger, moved to another
machine, or held by one long turn: a garbage collection, a method that does not wait. Its
peers go on meanwhile. What they sent in minutes comes in one read then, and looks like a
flood; what they did in time seems to have come too late. So what counts within a read, and
what must be renewed in time, gives peers credit for the time that was lost.

Credit is for recent pauses: whatever was saved up over hours would be a licence. It is
in proportion to the pause, so it opens no door to a peer that makes this process slow.
"""

from __future__ import annotations

from math import inf

__all__ = ["Credit", "FloodCredit", "Pauses"]

#: In a second that was lost a peer may honestly have done so often what it may do at once.
_BURSTS_PER_S = 10
#: Floods are excused for no more than so much, however long a pause was.
_MAX_FLOOD_S = 5.0


class Pauses:
    """
    What was lost so far. This one measures nothing: a test or a lab sets it.
    """

    def __init__(self) -> None:
        self._lost_s = 0.0

    def start(self) -> None:
        """
        Measure from now on.
        """

    def stop(self) -> None:
        """
        Leave nothing with the clock.
        """

    def add(self, seconds: float) -> None:
        """
        Note that so much time was lost.
        """
        self._lost_s += seconds

    def lost_s(self) -> float:
        """
        Return how many seconds were lost so far, those before the current turn too.
        """
        return self._lost_s

    def past_s(self) -> float:
        """
        Return how many of them were lost too long ago to excuse anything.
        """
        return 0.0

    def credit(self) -> Credit:
        """
        Return what one peer is given for being kept waiting.
        """
        return Credit(self)

    def flood_credit(self, max_at_once: int) -> FloodCredit:
        """
        Return what one peer is given for what it did meanwhile.

        Args:
            max_at_once: how much of it is taken from a peer at once.
        """
        return FloodCredit(self, max_at_once)


class Credit:
    """
    The time that one peer is given for pauses, each second once.
    """

    __slots__ = ("_left_s", "_max_s", "_pauses", "_taken_s")

    def __init__(self, pauses: Pauses, max_s: float = inf) -> None:
        self._pauses = pauses
        self._max_s = max_s
        self._taken_s = 0.0
        self._left_s = 0.0

    def pays(self, seconds: float) -> bool:
        """
        Take so much of what was lost recently, if there is as much.
        """
        if self._left_s < seconds:
            lost_s = self._pauses.lost_s()
            given_s = lost_s - max(self._taken_s, self._pauses.past_s())
            self._taken_s = lost_s
            self._left_s = min(self._left_s + max(given_s, 0.0), self._max_s)
        if self._left_s < seconds:
            return False
        self._left_s -= seconds
        return True


class FloodCredit(Credit):
    """
    Likewise, for things that are counted.
    """

    __slots__ = ("_each_s",)

    def __init__(self, pauses: Pauses, max_at_once: int) -> None:
        super().__init__(pauses, _MAX_FLOOD_S)
        self._each_s = 1 / (_BURSTS_PER_S * max(max_at_once, 1))

    def pays_one(self) -> bool:
        """
        Excuse one more than is taken at once, if enough was lost recently.
        """
        return self.pays(self._each_s)
