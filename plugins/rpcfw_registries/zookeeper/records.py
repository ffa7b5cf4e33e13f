"""
Records of rules in ZooKeeper: a persistent znode for each scope, and its history below it.

A process has one watch for each scope: a change of any document is one notification. All
processes get it at the same moment, so each waits a random part of `_SPREAD_S` before it
reads, or ten thousand consumers would read at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from weakref import WeakSet

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.rule import Scope
from rpcfw_registries.remote.store import TryAgain
from rpcfw_registries.rules.record_watch import RecordWatch
from rpcfw_registries.rules.store import (
    NOTHING,
    RecordListener,
    RecordStore,
    Stored,
    record_path,
)
from rpcfw_registries.zookeeper.session import (
    Stat,
    Write,
    ZnodeChanged,
    ZnodeExists,
    ZnodeMissing,
    ZooKeeperSession,
)

__all__ = ["ZooKeeperRecords"]

#: The longest wait before a change is read.
_SPREAD_S = 0.3
#: The wait after a request without an answer, and after a refusal.
_RETRY_S = 1.0
_REFUSED_S = 5.0


class ZooKeeperRecords(RecordStore):
    """
    Uses the session of a registry.

    Args:
        root: path of the registry.
        reached: waits until a server is reached, or raises RegistryError.
        unreachable: returns why no server is reached; empty while one is.
        check_s: how often a watch checks that it missed nothing.
    """

    def __init__(
        self,
        session: ZooKeeperSession,
        root: str,
        reached: Callable[[], Awaitable[None]],
        unreachable: Callable[[], str],
        check_s: float,
        plugin_context: PluginContext,
    ) -> None:
        self._session = session
        self._root = root
        self._reached = reached
        self._unreachable = unreachable
        self._check_s = check_s
        self._plugin_context = plugin_context
        self._watches: WeakSet[_ZnodeWatch] = WeakSet()

    @property
    def trouble(self) -> str:
        return self._unreachable()

    def connected(self) -> None:
        """
        Learn that a server is reached again: watches may have missed something.
        """
        for watch in tuple(self._watches):
            watch.look()

    async def read(self, scope: Scope) -> Stored:
        await self._reached()
        path = record_path(self._root, scope)
        # Before the data. If it changes in between, the stamp is too old, and a write fails.
        stat = await self._session.exists(path)
        if stat is None:
            return NOTHING
        documents, history = await self._session.read([path, f"{path}/history"])
        if documents is None:
            return NOTHING
        old = "" if history is None else "+"
        data = b"" if history is None else history.data
        return Stored(documents.data, data, f"{stat.version}{old}")

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        path = record_path(self._root, scope)
        if not stamp:
            await self._session.ensure(path.rpartition("/")[0])
        version = int(stamp.rstrip("+")) if stamp else None
        any_version = -1 if stamp.endswith("+") else None
        writes = Write(path, documents, version), Write(f"{path}/history", history, any_version)
        try:
            await self._session.write(writes)
        except (ZnodeChanged, ZnodeExists, ZnodeMissing):
            return False
        except TryAgain as error:
            raise RegistryError(f"{error}; the change may have been stored all the same") from error
        return True

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        return self.watch_path(record_path(self._root, scope), listener, on_refused)

    async def read_path(self, path: str) -> bytes | None:
        """
        Return the data of a znode that somebody else writes; None if there is none.
        """
        await self._reached()
        (znode,) = await self._session.read([path])
        return None if znode is None else znode.data

    def watch_path(self, path: str, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        """
        Watch a znode that somebody else writes, as `watch` does.
        """
        watch = _ZnodeWatch(
            self._session, path, listener, on_refused, self._check_s, self._plugin_context
        )
        self._watches.add(watch)
        return watch


class _ZnodeWatch(RecordWatch):
    """
    Follows the data of one znode.
    """

    def __init__(
        self,
        session: ZooKeeperSession,
        path: str,
        listener: RecordListener,
        on_refused: OnRefused,
        check_s: float,
        plugin_context: PluginContext,
    ) -> None:
        super().__init__(path, listener, on_refused, plugin_context)
        self._session = session
        self._path = path
        self._check_s = check_s
        self._event = Event()
        #: When the znode was made, and its version, as it was reported last.
        self._seen: tuple[int, int] | None = None
        self._reported = False

    def look(self) -> None:
        """
        Check, soon, whether the znode has changed.
        """
        self._event.set()

    async def _follow(self) -> None:
        self._event.clear()
        wait_s = await self._looked()
        await self._event.wait_until(self._clock, self._clock.seconds() + wait_s)
        if self._reported:
            await sleep(self._clock, _SPREAD_S * self._random.random())

    async def _looked(self) -> float:
        """
        Look at the znode, and return after how long to look again.
        """
        try:
            await self._look()
        except TryAgain:
            return _RETRY_S
        except RegistryError as error:
            self._refuse(f"{self._path} cannot be read: {error}")
            return _REFUSED_S
        self._reason = ""
        return self._check_s * (0.9 + 0.2 * self._random.random())

    async def _look(self) -> None:
        stat = await self._session.exists(self._path, self.look)
        seen = None if stat is None else _seen(stat)
        if self._reported and seen == self._seen:
            return
        (znode,) = (None,) if stat is None else await self._session.read([self._path])
        if self._open:
            self._seen, self._reported = seen, True
            self._tell(None if znode is None else znode.data)


def _seen(stat: Stat) -> tuple[int, int]:
    return stat.created, stat.version
