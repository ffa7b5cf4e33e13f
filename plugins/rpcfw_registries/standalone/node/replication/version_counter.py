"""
The counter of versions of one registry server: a Lamport clock (Lamport 1978).
"""

from __future__ import annotations

from rpcfw_registries.standalone.messages import MAX_COUNTER

__all__ = ["VersionCounter"]

#: A higher number is not followed: no group counts that far. So one that is wrong leaves numbers
#: for years, and all that this server announces can be read by the others.
_MAX_FOLLOWED = MAX_COUNTER >> 1

#: By which clients may move it in one interval: more than a group counts while a node is cut off.
#: At this number in a second the counters last for years.
_MAX_STEP = 1 << 24


class VersionCounter:
    """
    Counts on from the highest number that was seen or used.

    Pure: no clock.
    """

    def __init__(self) -> None:
        self.value = 0
        #: By which clients may still move it in this interval.
        self._step = _MAX_STEP

    def next(self) -> int:
        """
        Return a number that is higher than all others.
        """
        self.value += 1
        return self.value

    def saw(self, number: int) -> None:
        """
        Note the number of another server.
        """
        if number <= _MAX_FOLLOWED:
            self.value = max(self.value, number)

    def saw_of_client(self, number: int) -> None:
        """
        Note the number of a client, who may lie: it moves the counter as far as clients may.
        """
        step = max(0, min(number - self.value, self._step))
        self._step -= step
        self.value += step

    def begin_interval(self) -> None:
        """
        Let clients move it again. To be called every second or so.
        """
        self._step = _MAX_STEP
