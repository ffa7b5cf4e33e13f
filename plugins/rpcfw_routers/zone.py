"""
Zones: calls stay in the zone that they come from while it is strong enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.router import Reasons, Router
from rpcfw.values.call import Call
from rpcfw.values.units import Share, part_of
from rpcfw_routers.able import able

__all__ = ["ZoneRouter"]


@options
class ZoneOptions:
    """
    What the INI may say.
    """

    zone: str = option(
        NO_DEFAULT, "zone that this process runs in; empty: this router does nothing"
    )
    neighbors: tuple[str, ...] = option(
        "", "zones to add first, in this order, if ours has too few instances; then all"
    )
    min_share: Share = option(
        "10%", "calls leave the zone if it has less than this share of all instances"
    )
    force: bool = option(
        "false", "use no zones but ours and its neighbors, even if they have no instance"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find neighbors of nobody.
        """
        if self.neighbors and not self.zone:
            yield "neighbors", "set zone too: it says whose neighbors these are"


class ZoneRouter(Router):
    """
    Own zone first; then its neighbors as well, one after the other; then all zones.

    The next one is added while those before are too weak together. Too weak means: no
    instance that can take calls (drained ones and unreachable ones do not count), or fewer
    than ``min_share`` of all that can, so that the last survivor of a zone is not buried
    under the calls meant for many.
    """

    Options: ClassVar[type] = ZoneOptions
    options: ZoneOptions

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        options = self.options
        if not options.zone:
            return candidates
        near: Sequence[Candidate] = ()
        for _, near in self._growing(candidates):
            if able(near) >= self._needed(candidates):
                return near
        return near if options.force else candidates

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        if not self.options.zone:
            return Reasons("no zone is set")
        needed = self._needed(candidates)
        steps = []
        for zones, near in self._growing(candidates):
            steps.append(f"{able(near)} that can take calls in {', '.join(zones)}")
            if able(near) >= needed:
                break
        step = f"{'; '.join(steps)}; needed: {ceil(needed)} of {able(candidates)}"
        return Reasons(step, lambda one: f"it is in zone {one.instance.zone or 'unknown'}")

    def _growing(
        self, candidates: Sequence[Candidate]
    ) -> Iterator[tuple[Sequence[str], Sequence[Candidate]]]:
        """
        Yield our zone, then with each neighbor more, and the candidates there.
        """
        zones = (self.options.zone, *self.options.neighbors)
        for count in range(1, len(zones) + 1):
            some = zones[:count]
            yield some, [one for one in candidates if one.instance.zone in some]

    def _needed(self, candidates: Sequence[Candidate]) -> float:
        """
        Return how many instances that can take calls are enough.
        """
        return max(1, part_of(self.options.min_share, able(candidates)))
