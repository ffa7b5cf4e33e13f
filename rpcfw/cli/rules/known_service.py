"""
Whether anybody has announced the service that a command is about.
"""

from __future__ import annotations

from rpcfw.cli.rules.session import Session
from rpcfw.errors import RegistryError
from rpcfw.kernel.nearest import nearest

__all__ = ["why_unknown"]


async def why_unknown(session: Session) -> str:
    """
    Return that nobody has announced the service, with the nearest name; empty if somebody has.

    A rule may be there before the first provider. But mostly such a name is written wrong.
    """
    registry = session.application.registry
    if registry is None or session.scope.kind != "service":
        return ""
    try:
        names = await session.within(registry.services())
    except RegistryError:  # it may not be allowed to list them
        return ""
    if session.scope.name in names:
        return ""
    near = nearest(session.scope.name, names)
    unknown = f"no provider has announced {session.scope.name}"
    return f"{unknown}; did you mean {near!r}?" if near else unknown
