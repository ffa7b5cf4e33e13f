"""
The definitions of a service that providers of Dubbo publish in ZooKeeper.

Each is at ``/dubbo/metadata/INTERFACE[/VERSION][/GROUP]/provider/APPLICATION``.
"""

from __future__ import annotations

from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.zookeeper.session import ZnodeMissing, ZooKeeperSession

__all__ = ["read_definitions"]

#: Version and group are between an interface and its providers.
_LEVELS = 3
#: Far more than one service has: a fleet has few versions and groups of an interface.
_MAX_DEFINITIONS = 100


async def read_definitions(session: ZooKeeperSession, root: str, service: str) -> tuple[bytes, ...]:
    """
    Return the definitions of a service, of at most 100 versions, groups and applications.
    """
    paths: list[str] = []
    folders = [f"{root}/metadata/{encoded(service)}"]
    for _ in range(_LEVELS):
        deeper: list[str] = []
        for folder in folders[:_MAX_DEFINITIONS]:
            for name in await _names(session, folder):
                if name == "provider":
                    found = f"{folder}/provider"
                    paths += [f"{found}/{each}" for each in await _names(session, found)]
                elif name != "consumer":
                    deeper.append(f"{folder}/{name}")
        folders = deeper
    if not paths:
        return ()
    nodes = await session.read(paths[:_MAX_DEFINITIONS])
    return tuple(node.data for node in nodes if node is not None and node.data)


async def _names(session: ZooKeeperSession, path: str) -> list[str]:
    try:
        children = await session.children(path)
    except ZnodeMissing:
        return []
    return sorted(children.names)
