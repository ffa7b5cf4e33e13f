"""
What stores in ZooKeeper share: one session, and changes that are written all at once.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw_registries.remote.store import Change, InstanceStore, Key
from rpcfw_registries.zookeeper.session import ZooKeeperSession

__all__ = ["MAX_TRIES", "SessionStore"]

#: How often a znode is taken from somebody else who keeps creating it, in one go.
MAX_TRIES = 3


class SessionStore(InstanceStore):
    """
    Znodes written in one session.
    """

    # All are sent at once, on one connection. A server answers them in order.
    max_changes = 200

    def __init__(self, session: ZooKeeperSession, max_record_bytes: int) -> None:
        self.max_record_bytes = max_record_bytes
        self._session = session
        self._connected = Event()

    @property
    def away(self) -> bool:
        return not self._session.session_id

    def connected(self) -> None:
        """
        Learn that a server is reached.
        """
        self._connected.set()

    def lost(self) -> None:
        self._connected.clear()

    async def open(self) -> None:
        await self._connected.wait()

    async def write(self, changes: Sequence[Change]) -> Sequence[RegistryError | None]:
        running = [spawn(self._result(change)) for change in changes]
        try:
            return [await result for result in running]
        finally:
            for result in running:  # for when this is cancelled
                result.cancel()
                result.addErrback(lambda failure: failure.trap(*CANCELLED))

    async def _result(self, change: Change) -> RegistryError | None:
        try:
            await self._write(change.key, change.record)
        except RegistryError as error:
            return error
        return None

    @abstractmethod
    async def _write(self, key: Key, record: bytes | None) -> None:
        """
        Make what is in ZooKeeper agree with the record; None: nothing shall be there.
        """
