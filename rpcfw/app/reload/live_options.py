"""
Which options of the configuration can change while the process runs.
"""

from __future__ import annotations

from rpcfw.app import live_plans
from rpcfw.kernel.differences import Place
from rpcfw.server import announcer

__all__ = ["is_live"]

#: Sections of which every option can.
_LIVE_SECTIONS = frozenset(
    {
        "attempts",
        "authenticator",
        "balancer",
        "breaker",
        "collector",
        "credentials",
        "filter",
        "health",
        "limiter",
        "retry",
        "router",
    }
)
_LIVE_KEYS = {**live_plans.LIVE_OPTIONS, "server": announcer.LIVE_OPTIONS}


def is_live(place: Place) -> bool:
    """
    Tell whether an option can change while the process runs.
    """
    name, key = place
    return name.name in _LIVE_SECTIONS or key in _LIVE_KEYS.get(name.name, ())
