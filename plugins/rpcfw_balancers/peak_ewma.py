"""
Peak EWMA: what a node's attempts cost, quick to rise and slow to fall.

The average of latencies is exponentially weighted by time, and a latency above it replaces
it at once, as in the balancer of the same name in Twitter's Finagle. What was measured
fades while nothing is measured. Failures are counted apart, in an average of their own: a
node that fails at once must not look like a fast one, and one failure among many answers
must not look like a slow one.
"""

from __future__ import annotations

from math import exp

from rpcfw.status import Status
from rpcfw.values.outcome import Outcome

__all__ = ["PeakEWMA"]

#: A probe replaces the latency. But one that succeeds says little about a node that fails half
#: of its calls, so this part of the failures that are known is kept.
_PROBE_KEEPS = 0.25
_OK, _CANCELLED = Status.OK, Status.CANCELLED


class PeakEWMA:
    """
    The measurements of one node.

    Attributes:
        latency_s: peak EWMA of the latency, as of ``measured_at``.
        failed: EWMA of the share of attempts that failed, as of then.
        measured_at: when the last attempt ended; below 0 if none did.
        began_at: when the last attempt began.
        probed: the next outcome replaces the latency that is known.
    """

    __slots__ = ("began_at", "failed", "latency_s", "measured_at", "probed")

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.failed = 0.0
        self.measured_at = -1.0
        self.began_at = 0.0
        self.probed = True

    def cost_s(self, now: float, decay_s: float, failure_s: float) -> float:
        """
        Return what an attempt costs: the latency, and a latency for the share that fails.
        """
        fade = exp((self.measured_at - now) / decay_s)
        return (self.latency_s + self.failed * failure_s) * fade

    def add(self, outcome: Outcome, now: float, decay_s: float) -> None:
        """
        Add the end of an attempt.

        The time of a failure, or of a call that was given up, is only a lower bound of the
        latency: it may raise the average and never lowers it. A probe that was given up
        replaces nothing.
        """
        status = outcome.status
        given_up = status is _CANCELLED
        replaces = self.probed and not given_up
        keep = 0.0 if replaces else exp((self.measured_at - now) / decay_s)
        took_s, faded_s = outcome.took_s, self.latency_s * keep
        failed = status is not _OK and outcome.node_failed
        if took_s >= faded_s or replaces:
            self.latency_s = took_s
        elif failed or given_up:
            self.latency_s = faded_s
        else:
            self.latency_s = faded_s + took_s * (1 - keep)
        if replaces and self.measured_at >= 0:
            keep = _PROBE_KEEPS
        self.failed = self.failed * keep + failed * (1 - keep)
        self.measured_at = now
        self.probed = self.probed and given_up
