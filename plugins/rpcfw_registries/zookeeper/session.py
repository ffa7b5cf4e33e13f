"""
What the ZooKeeper registry needs of a ZooKeeper client, and nothing more.

`kazoo.client.KazooSession` is the real one; tests have one in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import Enum

from attrs import frozen

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw_registries.remote.store import TryAgain

__all__ = [
    "Children",
    "Refused",
    "SessionEvent",
    "Stat",
    "Unreachable",
    "Write",
    "Znode",
    "ZnodeChanged",
    "ZnodeExists",
    "ZnodeMissing",
    "ZooKeeperSession",
]


class Unreachable(TryAgain):
    """
    No answer, for now. It is not known whether the request was carried out.
    """


class ZnodeMissing(RegistryError):
    """
    There is no znode at the path.
    """


class ZnodeExists(RegistryError):
    """
    There is a znode at the path already.
    """


class ZnodeChanged(RegistryError):
    """
    The znode has another version than the one that was to be replaced.
    """


class Refused(RegistryError):
    """
    The server refuses it, and would refuse it again.
    """


class SessionEvent(Enum):
    """
    What became of the session.

    `CONNECTED` comes after each connect, in the old session or a new one.
    `SUSPENDED` means that no server is reached: the session may live on.
    `LOST` means that a server has ended the session.
    """

    CONNECTED = "connected"
    SUSPENDED = "suspended"
    LOST = "lost"


@frozen
class Stat:
    """
    What a server knows of a znode beside its data.

    Args:
        created: number of the transaction that made it; grows with time.
        owner: session it ends with, 0 if it stays.
        version: how often its data was changed since it was made.
        children_changed: number of the transaction that last changed its children.
    """

    created: int
    owner: int
    version: int
    children_changed: int


@frozen
class Znode:
    """
    A znode as read.

    Args:
        created: number of the transaction that made it.
        owner: session it ends with, 0 if it stays.
        version: how often its data was changed since it was made.
    """

    data: bytes
    created: int
    owner: int = 0
    version: int = 0


@frozen
class Write:
    """
    What a persistent znode is to hold.

    Args:
        version: that it has to have so far; -1: any; None: it must not be there yet.
    """

    path: str
    data: bytes
    version: int | None


@frozen
class Children:
    """
    The names of a znode's children, and the transaction that last changed them.
    """

    names: Sequence[str]
    changed: int


class ZooKeeperSession(ABC):
    """
    One session with an ensemble. It reconnects for ever.

    Used in the reactor's thread alone; nothing blocks it. Each operation ends
    within a limit, with its result or one of this module's errors. A watcher is
    called in the reactor's thread, at most once for each time it was handed in,
    when what was asked about has changed *or the connection was lost*: after
    either it must be handed in again. The same watcher on the same path is kept
    once only.
    """

    #: The session while a server is reached, else 0.
    session_id: int = 0

    @abstractmethod
    def check_process(self) -> None:
        """
        Raise RegistryError if this process is a fork of the one that holds the session.
        """

    @abstractmethod
    async def open(
        self, listener: Callable[[SessionEvent], None], trouble: Callable[[str], None]
    ) -> None:
        """
        Begin to connect. Returns before a server is reached.

        Args:
            listener: called with what became of the session.
            trouble: called with the reason why no server is reached, for a person.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        End the session, and with it its ephemeral znodes. Has a limit in time.
        """

    @abstractmethod
    def exists(self, path: str, watcher: Callable[[], None] | None = None) -> Waiter[Stat | None]:
        """
        Look for a znode, also one that does not exist yet.
        """

    @abstractmethod
    def children(self, path: str, watcher: Callable[[], None] | None = None) -> Waiter[Children]:
        """
        List a znode's children. Fails with `ZnodeMissing`, and then watches nothing.
        """

    @abstractmethod
    def read(
        self, paths: Sequence[str], watcher: Callable[[str], None] | None = None
    ) -> Waiter[list[Znode | None]]:
        """
        Read one or more znodes, many at once; None for one that does not exist.

        Args:
            watcher: called with the path of a znode that has changed. One that does not exist
                is not watched.
        """

    @abstractmethod
    def create(self, path: str, data: bytes, *, ephemeral: bool = True) -> Waiter[None]:
        """
        Create a znode, and persistent ones above it where they are missing.

        Args:
            ephemeral: it ends with the session.
        """

    @abstractmethod
    def replace(self, path: str, data: bytes, version: int) -> Waiter[None]:
        """
        Replace the data of a znode. Fails with `ZnodeChanged` if it has another version.
        """

    @abstractmethod
    def delete(self, path: str) -> Waiter[None]:
        """
        Delete a znode.
        """

    @abstractmethod
    def swap(self, path: str, data: bytes, old: str) -> Waiter[None]:
        """
        Create an ephemeral znode and delete another, both or none.
        """

    @abstractmethod
    def ensure(self, path: str) -> Waiter[None]:
        """
        Create persistent znodes down to a path, where they are missing.
        """

    @abstractmethod
    def write(self, writes: Sequence[Write]) -> Waiter[None]:
        """
        Write persistent znodes, all or none.

        Fails with `ZnodeChanged`, `ZnodeExists` or `ZnodeMissing` if one is not as it has to be.
        """
