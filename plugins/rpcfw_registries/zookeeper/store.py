"""
Announced instances in ZooKeeper: an ephemeral znode for each.

The name of a znode changes with its record (see `rpcfw_registries.remote.paths`). So
to change an instance is to create one znode and to delete another. For each instance
the store remembers which znodes may exist: it has asked for them, and has not seen
them go since. Writing makes the wanted znode exist as ours, then deletes the others.

Ours means: created in the present session, and not changed since. A znode of an
earlier session would vanish with it, so it is deleted and created again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.store import Key
from rpcfw_registries.zookeeper.session import Refused, ZnodeExists, ZnodeMissing, ZooKeeperSession
from rpcfw_registries.zookeeper.session_store import MAX_TRIES, SessionStore

__all__ = ["ZooKeeperStore"]


class ZooKeeperStore(SessionStore):
    """
    The znodes of one session.

    Args:
        layout: says where each record is kept.
    """

    def __init__(self, session: ZooKeeperSession, layout: Layout) -> None:
        super().__init__(session, layout.max_record_bytes)
        self._layout = layout
        #: The paths that may exist.
        self._present: dict[Key, set[str]] = {}

    async def end(self, keys: Sequence[Key]) -> None:
        # The znodes end with the session, which whoever made it closes.
        self._present.clear()

    async def _write(self, key: Key, record: bytes | None) -> None:
        present = self._present.setdefault(key, set())
        path = ""
        if record is not None:
            place = self._layout.place(key, record)
            path = place.path
            if not await self._swapped(present, path, place.data):
                await self._create(present, path, place.data)
        for other in sorted(present - {path}):
            await self._delete(other)
            present.discard(other)
        if not present:
            del self._present[key]

    async def _swapped(self, present: set[str], path: str, data: bytes) -> bool:
        """
        Create the wanted znode and delete the former in one step, if that is all to do.
        """
        if path in present or len(present) != 1:
            return False
        (old,) = present
        present.add(path)
        try:
            await self._session.swap(path, data, old)
        except (ZnodeMissing, ZnodeExists):
            return False
        present.discard(old)
        return True

    async def _create(self, present: set[str], path: str, data: bytes) -> None:
        for _ in range(MAX_TRIES):
            if path in present and await self._is_ours(path):
                return
            present.add(path)
            try:
                await self._session.create(path, data)
                return
            except ZnodeExists:
                continue
        raise Refused(f"somebody else makes {path} again and again; is its id unique?")

    async def _is_ours(self, path: str) -> bool:
        """
        Say whether the znode is as we created it, and delete it if it is not.
        """
        stat = await self._session.exists(path)
        if stat is None:
            return False
        if stat.owner == self._session.session_id and stat.version == 0:
            return True
        await self._delete(path)
        return False

    async def _delete(self, path: str) -> None:
        with suppress(ZnodeMissing):  # somebody, or the end of a session, was faster
            await self._session.delete(path)
