"""
Whether anybody has announced the service that a command is about.
"""

from __future__ import annotations

from rpcfw.cli.rules.session import Session
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.kernel.nearest import nearest
from rpcfw.spi.runtime.waiting import with_deadline

__all__ = ["why_unknown"]

#: Rules may be kept in another place than instances. They can then be changed while the registry
#: is unreachable, and must not wait long for it.
_MAX_WAIT_S = 2.0


async def why_unknown(session: Session) -> str:
    """
    Return that nobody has announced the service, with the nearest name; empty if somebody has.

    A rule may be there before the first provider. But mostly such a name is written wrong.
    """
    registry = session.application.registry
    if registry is None or session.scope.kind != "service":
        return ""
    timers = session.application.runtime.timers
    deadline = timers.seconds() + min(_MAX_WAIT_S, session.timeout_s)
    try:
        names = await with_deadline(registry.services(), timers, deadline)
    except (RegistryError, DeadlineExceeded):  # it may not be allowed to list them
        return ""
    if session.scope.name in names:
        return ""
    near = nearest(session.scope.name, names)
    unknown = f"no provider has announced {session.scope.name}"
    return f"{unknown}; did you mean {near!r}?" if near else unknown
