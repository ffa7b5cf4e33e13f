"""
The weight of one node under LALB, from its latest attempts and those in flight.

The formula is that of the code of brpc, which differs from its document: the latency is not
squared, and there is no band of deviations.
"""

from __future__ import annotations

from collections import deque

from rpcfw.status import Hint, Status
from rpcfw.values.outcome import Outcome

__all__ = ["MIN_WEIGHT", "LalbWeight"]

#: The smallest weight of a node.
MIN_WEIGHT = 1000
#: Weight of one call a second that takes a second.
_SCALE = 1000
#: So many ended attempts are looked at.
_SAMPLES = 128
#: Fewer of them tell a rate only if they are spread over this time.
_MIN_WINDOW_S = 1.0
#: What is in flight for longer than the mean latency times this lowers the weight.
_PUNISHED_DELAY = 1.5
#: A failure counts as at least its own time, times this.
_PUNISHED_ERROR = 1.2
_MIN_LATENCY_S = 1e-6


class LalbWeight:
    """
    What is known of a node.

    Attributes:
        base: weight by rate and latency; 0 if they are not known yet.
        latency_s: mean latency of the latest attempts; 0 if none has ended.
    """

    __slots__ = ("_begun", "_begun_sum", "_samples", "base", "latency_s")

    def __init__(self) -> None:
        self.base = 0
        self.latency_s = 0.0
        #: Latency and time of the end, the latency summed up over all samples so far.
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._begun = 0
        self._begun_sum = 0.0

    def began(self, now: float) -> None:
        """
        Note that an attempt begins.
        """
        self._begun += 1
        self._begun_sum += now

    def ended(self, outcome: Outcome, now: float, failure_s: float) -> None:
        """
        Note that an attempt ended.

        Args:
            failure_s: a failed attempt counts as this long at least.
        """
        self._begun = max(0, self._begun - 1)
        self._begun_sum = self._begun_sum - (now - outcome.took_s) if self._begun else 0.0
        took_s = max(outcome.took_s, _MIN_LATENCY_S)
        if outcome.hints & Hint.NEVER_SENT or outcome.status is Status.CANCELLED:
            return
        if not outcome.node_failed:
            self._add(took_s, now)
        elif self._samples:
            # To the last sample: so a failure raises the latency, and never the rate.
            summed, _ = self._samples.pop()
            self._samples.append((summed + max(took_s * _PUNISHED_ERROR, failure_s), now))
        else:
            self._add(max(took_s * _PUNISHED_ERROR, failure_s), now)
        self._measure()

    def weight(self, now: float, failure_s: float) -> int:
        """
        Return the weight of a node that is measured.
        """
        return max(int(self.base * self.punishment(now, failure_s)), MIN_WEIGHT)

    def punishment(self, now: float, failure_s: float) -> float:
        """
        Return the factor of the weight: below 1 if what is in flight is late.

        Args:
            failure_s: expected latency if none has been measured.
        """
        if not self._begun:
            return 1.0
        delay_s = now - self._begun_sum / self._begun
        expected_s = (self.latency_s or failure_s) * _PUNISHED_DELAY
        return expected_s / delay_s if delay_s > expected_s else 1.0

    def _add(self, latency_s: float, now: float) -> None:
        summed = self._samples[-1][0] if self._samples else 0.0
        self._samples.append((summed + latency_s, now))

    def _measure(self) -> None:
        (first_sum, first_at), (last_sum, last_at) = self._samples[0], self._samples[-1]
        count, window_s = len(self._samples), last_at - first_at
        if count == 1:
            self.latency_s = last_sum
        elif window_s > 0:
            self.latency_s = (last_sum - first_sum) / (count - 1)
            if count == _SAMPLES or window_s >= _MIN_WINDOW_S:
                rate = max((count - 1) / window_s, 1.0)
                self.base = max(int(_SCALE * rate / self.latency_s), 1)
