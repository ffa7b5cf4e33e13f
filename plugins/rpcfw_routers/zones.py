"""
Zones: calls stay in the zone that they come from while it is strong enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.router import Router
from rpcfw.values.call import Call
from rpcfw.values.units import Share

__all__ = ["ZoneRouter"]


@options
class ZoneOptions:
    """
    What the INI may say.
    """

    zone: str = option(
        NO_DEFAULT, "zone that this process runs in; empty: this router does nothing"
    )
    min_share: Share = option(
        "10%", "calls leave the zone if it has less than this share of all instances"
    )


class ZoneRouter(Router):
    """
    Own zone first; all zones, ours among them, once ours is too weak.

    Too weak means: no instance that takes calls (drained ones, of weight 0, do not
    count), or fewer of them than ``min_share`` of all, so that the last survivor of
    a zone is not buried under the calls meant for many.
    """

    Options: ClassVar[type] = ZoneOptions
    options: ZoneOptions

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        own = [one for one in candidates if one.instance.zone == self.options.zone]
        able, able_of_all = _able(own), _able(candidates)
        if not self.options.zone or not able or able < self.options.min_share * able_of_all:
            return candidates
        return own


def _able(candidates: Sequence[Candidate]) -> int:
    return sum(one.instance.weight > 0 for one in candidates)
