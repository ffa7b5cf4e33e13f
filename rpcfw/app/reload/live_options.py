"""
Which options of the configuration can change while the process runs.
"""

from __future__ import annotations

from rpcfw.app import live_plans
from rpcfw.app.plan import Plan
from rpcfw.kernel.differences import Place
from rpcfw.server import announcer

__all__ = ["bound_sections", "is_live"]

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


def bound_sections(old: Plan, new: Plan) -> set[str]:
    """
    Return the sections of plugins that the lists of ``[server]`` name anew, or no longer.

    Those lists change at a restart, so until then these sections belong to the old lists.
    """
    before, after = _of_servers(old), _of_servers(new)
    of_clients = {section for client in new.clients.values() for section in client.sections}
    return (before - after) | (after - before - of_clients)


def _of_servers(plan: Plan) -> set[str]:
    return {chosen.section for _, chosen in plan.server_filters}
