"""
The plugins that the client of one service decides by.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from rpcfw.kernel.edits import NO_EDITS, Edits
from rpcfw.kernel.live_plugins import Change
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.filter import Filter
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.values.service_config import ServiceConfig

__all__ = ["Policies"]


@frozen(eq=False)
class Policies:
    """
    Made for this client, and for no other.

    Args:
        plugins: all of them by the section that has their options, in the order of their start.
        method_balancers: by the name of the method that has its own.
        strategy: makes the attempts; None for the retry loop.
        method_strategies: by the name of the method that has its own.
        call: the edits of the call stack.
        attempt: the edits of the attempt stack.
        config: limits, retries and hedging by method.
    """

    plugins: Mapping[str, Plugin]
    balancer: Balancer
    retry: RetryPolicy
    routers: tuple[Router, ...] = ()
    call: Edits[Filter] = NO_EDITS
    attempt: Edits[Filter] = NO_EDITS
    config: ServiceConfig | None = None
    method_balancers: tuple[tuple[str, Balancer], ...] = ()
    strategy: AttemptStrategy | None = None
    method_strategies: tuple[tuple[str, AttemptStrategy], ...] = ()

    @property
    def report_interval_s(self) -> float:
        """
        How often servers are asked for a load report; 0 for never.
        """
        balancers = [self.balancer, *(each for _, each in self.method_balancers)]
        return min(filter(None, (each.report_interval_s for each in balancers)), default=0.0)

    def max_kept(self, configured: int) -> int:
        """
        Return how many nodes stay connected without calls, of as many as are configured.
        """
        few = any(router.limits_connections for router in self.routers)
        return 0 if few else configured

    def changes(self, later: Policies) -> list[Change]:
        """
        Return the plugins that ``later`` has others for, each with that.

        Args:
            later: those of the same service, with others in the place of some of them.
        """
        sections = dict.fromkeys((*later.plugins, *self.plugins))
        both = [(self.plugins.get(each), later.plugins.get(each)) for each in sections]
        return [(old, new) for old, new in both if old is not new]

    def routes_as(self, other: Policies) -> bool:
        """
        Tell whether calls go the same ways by both.
        """
        return (
            self.balancer is other.balancer
            and self.method_balancers == other.method_balancers
            and self.routers == other.routers
        )
