"""
The availability rate of a node: the share of its calls in a sliding window that it answered.

It is a share, so it depends neither on how often nor on how fast a method is called. Nothing is
done for a call that succeeds: calls and failures are counted elsewhere, and looked at from time
to time.
"""

from __future__ import annotations

__all__ = ["SAMPLES", "Availability"]

#: Samples in one window. The window moves on by one of them at a time.
SAMPLES = 10


class Availability:
    """
    Of one node.
    """

    __slots__ = ("_samples", "calls", "failures")

    def __init__(self) -> None:
        #: In the window.
        self.calls = 0
        self.failures = 0
        #: The counts at the beginning of each part of the window, the oldest first.
        # Not a deque: an empty one takes 600 bytes, and most of many nodes have no calls.
        self._samples: list[tuple[int, int]] = []

    @property
    def rate(self) -> float:
        """
        Successes by calls; 1 if there were no calls.
        """
        return max(0.0, 1 - self.failures / self.calls) if self.calls else 1.0

    def sample(self, calls: int, failures: int) -> None:
        """
        Move the window on.

        Args:
            calls: how many there were so far.
            failures: how many of them were failures of the node.
        """
        samples = self._samples
        samples.append((calls, failures))
        if len(samples) > SAMPLES + 1:
            del samples[0]
        oldest_calls, oldest_failures = samples[0]
        self.calls, self.failures = calls - oldest_calls, failures - oldest_failures

    def clear(self) -> None:
        """
        Begin with an empty window: what was before says nothing about the node any more.
        """
        del self._samples[:-1]
        self.calls = self.failures = 0
