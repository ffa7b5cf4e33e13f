"""
How many addresses a prober probes, and how many it reaches.
"""

from __future__ import annotations

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.target import Target
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.values.probe_report import MIN_REACHED_PERCENT

__all__ = ["Tally"]


class Tally:
    """
    The counts of one prober, which are metrics too.

    The share that is reached is that of the last probes, which are not decisive for any single
    address. So a prober that is cut off notices that before it has decided about the first one.

    Args:
        meter: of the process.
    """

    def __init__(self, meter: Meter) -> None:
        #: How many addresses were probed, and how many have answered their last probe.
        self._probed = self._answered = 0
        name = "rpcfw_prober_probes_total"
        probes = meter.counter(name, "probes by their result", "result")
        self._results = {True: probes.of("answered"), False: probes.of("failed")}
        name = "rpcfw_prober_addresses"
        gauge = meter.gauge(name, "addresses that are probed, by what is found out", "state")
        states = {True: "reached", False: "not_reached", None: "undecided"}
        self._states = {reached: gauge.of(state) for reached, state in states.items()}

    @property
    def undecided(self) -> int:
        """
        How many addresses have had too few probes.
        """
        return int(self._states[None].value)

    @property
    def reached_percent(self) -> int:
        """
        How many of a hundred have answered their last probe, rounded down.
        """
        return 100 * self._answered // self._probed if self._probed else 0

    @property
    def cut_off(self) -> bool:
        """
        Whether these are too few for the prober to be believed.
        """
        return self.reached_percent < MIN_REACHED_PERCENT

    def add(self, target: Target) -> None:
        """
        Count an address that was not probed yet.
        """
        self._states[target.reached].value += 1

    def remove(self, target: Target) -> None:
        """
        Count an address no more.
        """
        self._probed -= target.probed
        self._answered -= target.answered
        self._states[target.reached].value -= 1

    def note(self, target: Target, reason: str, options: ProbeOptions) -> bool:
        """
        Count the result of a probe; return as `Target.note`, which this calls.
        """
        before = target.reached
        self._results[not reason].value += 1
        self._probed += not target.probed
        self._answered += (not reason) - target.answered
        moved = target.note(reason, options)
        self._states[before].value -= 1
        self._states[target.reached].value += 1
        return moved
