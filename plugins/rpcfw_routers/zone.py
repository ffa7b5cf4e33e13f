"""
Zones: calls stay in the zone that they come from while it is strong enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.router import Router
from rpcfw.values.call import Call
from rpcfw.values.units import Share
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
        needed = max(1, options.min_share * able(candidates))
        zones: set[str] = set()
        near: Sequence[Candidate] = ()
        for zone in (options.zone, *options.neighbors):
            zones.add(zone)
            near = [one for one in candidates if one.instance.zone in zones]
            if able(near) >= needed:
                return near
        return near if options.force else candidates
