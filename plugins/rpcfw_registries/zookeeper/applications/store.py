"""
What is announced at application level, in ZooKeeper.

The instances end with the session, and keep their path when their data changes: they are
replaced in place, so that no consumer misses one for a moment. Mapping and metadata are shared
by all instances of an application, and stay.
"""

from __future__ import annotations

from contextlib import suppress

from rpcfw_registries.layouts.dubbo.mapping import with_application
from rpcfw_registries.remote.store import Key, TryAgain
from rpcfw_registries.zookeeper.applications.paths import ApplicationPaths
from rpcfw_registries.zookeeper.session import (
    Refused,
    Znode,
    ZnodeChanged,
    ZnodeExists,
    ZnodeMissing,
    ZooKeeperSession,
)
from rpcfw_registries.zookeeper.session_store import MAX_TRIES, SessionStore

__all__ = ["ApplicationStore"]

# ZooKeeper drops the connection over a request of 1 MiB; path and ACL are in it too.
_MAX_RECORD_BYTES = (1 << 20) - (1 << 14)
#: Many providers add themselves to a mapping when they are started together.
_MAX_MAPPING_TRIES = 10

_OTHERS = (ZnodeChanged, ZnodeExists, ZnodeMissing)


class ApplicationStore(SessionStore):
    """
    The znodes of the application level.
    """

    def __init__(self, session: ZooKeeperSession, paths: ApplicationPaths) -> None:
        super().__init__(session, _MAX_RECORD_BYTES)
        self._writers = {paths.mapping: self._add_to_mapping, paths.metadata: self._keep}

    async def _write(self, key: Key, record: bytes | None) -> None:
        folder, name = key
        path = f"{folder}/{name}"
        shared = self._writers.get(folder)
        if shared is None:
            await (self._remove(path) if record is None else self._own(path, record))
        elif record is not None:
            await shared(path, record)

    async def _remove(self, path: str) -> None:
        node = await self._read(path)
        # One that another process has made since is not ours to delete.
        if node is not None and node.owner == self._session.session_id:
            with suppress(ZnodeMissing):
                await self._session.delete(path)

    async def _own(self, path: str, data: bytes) -> None:
        """
        Make an instance have these data, and end with this session.
        """
        for _ in range(MAX_TRIES):
            node = await self._read(path)
            try:
                if node is None:
                    await self._session.create(path, data)
                elif node.owner != self._session.session_id:
                    await self._session.delete(path)
                    await self._session.create(path, data)
                elif node.data != data:
                    await self._session.replace(path, data, node.version)
                return
            except _OTHERS:
                continue
        raise Refused(f"somebody else makes {path} again and again; is its address unique?")

    async def _keep(self, path: str, data: bytes) -> None:
        """
        Make a lasting znode have these data.
        """
        for _ in range(MAX_TRIES):
            node = await self._read(path)
            if node is not None and node.data == data:
                return
            with suppress(*_OTHERS):
                await self._put(path, data, node)
                return
        raise TryAgain(f"somebody else changes {path} again and again")

    async def _add_to_mapping(self, path: str, application: bytes) -> None:
        for _ in range(_MAX_MAPPING_TRIES):
            node = await self._read(path)
            former = b"" if node is None else node.data
            data = with_application(former, application.decode())
            if node is not None and data == former:
                return
            with suppress(*_OTHERS):
                await self._put(path, data, node)
                return
        raise TryAgain(f"others change {path} again and again")

    async def _put(self, path: str, data: bytes, former: Znode | None) -> None:
        if former is None:
            await self._session.create(path, data, ephemeral=False)
        else:
            await self._session.replace(path, data, former.version)

    async def _read(self, path: str) -> Znode | None:
        (node,) = await self._session.read([path])
        return node

    async def end(self, keys: object) -> None:
        """
        Do nothing: the instances end with the session, which whoever made it closes.
        """
