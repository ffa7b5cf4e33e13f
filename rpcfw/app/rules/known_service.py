"""
Whether anybody has announced the service that rules are for.
"""

from __future__ import annotations

from rpcfw.app.application import Application
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.kernel.nearest import nearest
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.rule import Scope

__all__ = ["why_unknown"]

#: Rules may be kept in another place than instances. They can then be changed while the registry
#: is unreachable, and must not wait long for it.
_MAX_WAIT_S = 2.0


async def why_unknown(application: Application, scope: Scope, limit_s: float) -> str:
    """
    Return that nobody has announced a service, with the nearest name; empty if somebody has.

    A rule may be there before the first provider. But mostly such a name is written wrong.
    """
    registry = application.registry
    if registry is None or scope.kind != "service":
        return ""
    timers = application.runtime.timers
    deadline = timers.seconds() + min(_MAX_WAIT_S, limit_s)
    try:
        names = await with_deadline(registry.services(), timers, deadline)
    except (RegistryError, DeadlineExceeded):  # it may not be allowed to list them
        return ""
    if scope.name in names:
        return ""
    near = nearest(scope.name, names)
    unknown = f"no provider has announced {scope.name}"
    return f"{unknown}; did you mean {near!r}?" if near else unknown
