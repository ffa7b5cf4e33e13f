"""
ZooKeeper in memory, behind the same seam as the real one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import count

from attrs import define, field, frozen

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw_registries.zookeeper.session import (
    Children,
    Refused,
    SessionEvent,
    Stat,
    Unreachable,
    Znode,
    ZnodeChanged,
    ZnodeExists,
    ZnodeMissing,
    ZooKeeperSession,
)


@define(eq=False)
class _Kept:
    data: bytes = b""
    owner: int = 0
    created: int = 0
    version: int = 0
    children_changed: int = 0


@frozen
class _OfPath:
    """
    A watcher that is called with a path.
    """

    watcher: Callable[[str], None]
    path: str

    def __call__(self):
        self.watcher(self.path)


@define(eq=False)
class World:
    """
    The nodes, and who watches them.
    """

    nodes: dict[str, _Kept] = field(factory=lambda: {"": _Kept()})
    #: Operations made, by name.
    asked: Counter = field(factory=Counter)
    away: bool = False
    #: Nobody may read any list.
    unreadable: bool = False
    keepers: list[FakeSession] = field(factory=list)
    watchers: dict[tuple[str, str], dict] = field(factory=dict)
    transactions: count = field(factory=lambda: count(1))
    sessions: count = field(factory=lambda: count(1001))

    def names(self, path):
        """
        Return the names of a node's children.
        """
        return [each.rpartition("/")[2] for each in self.nodes if each.rpartition("/")[0] == path]

    def create(self, path, data, owner):
        """
        Make a node, and what is missing above it.
        """
        if path in self.nodes:
            raise ZnodeExists(path)
        parent = path.rpartition("/")[0]
        if parent not in self.nodes:
            self.create(parent, b"", 0)
        number = next(self.transactions)
        self.nodes[path] = _Kept(data, owner, number)
        self.nodes[parent].children_changed = number
        self._fire("data", path)
        self._fire("children", parent)

    def delete(self, path):
        """
        Delete a node.
        """
        if path not in self.nodes:
            raise ZnodeMissing(path)
        parent = path.rpartition("/")[0]
        del self.nodes[path]
        self.nodes[parent].children_changed = next(self.transactions)
        self._fire("data", path)
        self._fire("children", parent)

    def change(self, path, data):
        """
        Change a node behind its owner's back. No list changes.
        """
        self.nodes[path].data = data
        self.nodes[path].version += 1
        self._fire("data", path)

    def expire(self, session):
        """
        End a session, and its nodes.
        """
        for path in [path for path, kept in self.nodes.items() if kept.owner == session]:
            self.delete(path)

    def lose_watches(self):
        """
        Forget all watches without a word, which must not happen and does.
        """
        self.watchers.clear()

    def _fire(self, kind, path):
        for watcher in self.watchers.pop((kind, path), ()):
            watcher()


class FakeSession(ZooKeeperSession):
    """
    A session in a `World`. It answers at once.
    """

    def __init__(self, world):
        self.world = world
        self.failures = []
        self.forked = False
        self.trouble = None
        #: The session, whether a server is reached or not.
        self.last = 0
        self._listener = None

    def check_process(self):
        if self.forked:
            raise RegistryError("this is a fork")

    async def open(self, listener, trouble):
        self._listener = listener
        self.trouble = trouble
        self.world.keepers.append(self)
        if not self.world.away:
            self.connect()

    async def close(self):
        session, self.session_id = self.last, 0
        self._listener = None
        self.world.keepers.remove(self)
        if session:
            self.world.expire(session)

    def connect(self, *, anew=False):
        """
        Reach a server, in the last session or a new one.
        """
        if anew or not self.last:
            self.last = next(self.world.sessions)
        self.session_id = self.last
        self._listener(SessionEvent.CONNECTED)

    def suspend(self):
        """
        Lose the connection, as all watches do then.
        """
        self.session_id = 0
        self._listener(SessionEvent.SUSPENDED)
        for watchers in self.world.watchers.values():
            for watcher in [each for each, session in watchers.items() if session is self]:
                del watchers[watcher]
                watcher()

    def lose(self):
        """
        Be told that the session is over.
        """
        self.suspend()
        self.world.expire(self.last)
        self._listener(SessionEvent.LOST)
        self.connect(anew=True)

    def exists(self, path, watcher=None):
        def look():
            self._watch("data", path, watcher)
            kept = self.world.nodes.get(path)
            return kept and Stat(kept.created, kept.owner, kept.version, kept.children_changed)

        return self._do("exists", look)

    def children(self, path, watcher=None):
        def look():
            if self.world.unreadable:
                raise Refused("not permitted to read")
            if path not in self.world.nodes:
                raise ZnodeMissing(path)
            self._watch("children", path, watcher)
            return Children(self.world.names(path), self.world.nodes[path].children_changed)

        return self._do("children", look)

    def read(self, paths, watcher=None):
        def look():
            self.world.asked["nodes"] += len(paths)
            return [self._read(path, watcher) for path in paths]

        return self._do("read", look)

    def create(self, path, data, *, ephemeral=True):
        owner = self.session_id if ephemeral else 0
        return self._do("create", lambda: self.world.create(path, data, owner))

    def replace(self, path, data, version):
        def change():
            if path not in self.world.nodes:
                raise ZnodeMissing(path)
            if self.world.nodes[path].version != version:
                raise ZnodeChanged(path)
            self.world.change(path, data)

        return self._do("replace", change)

    def delete(self, path):
        return self._do("delete", lambda: self.world.delete(path))

    def swap(self, path, data, old):
        def both():
            if old not in self.world.nodes:
                raise ZnodeMissing(old)
            self.world.create(path, data, self.session_id)
            self.world.delete(old)

        return self._do("swap", both)

    def _read(self, path, watcher):
        kept = self.world.nodes.get(path)
        if kept is None:
            return None
        if watcher is not None:
            self._watch("data", path, _OfPath(watcher, path))
        return Znode(kept.data, kept.created, kept.owner, kept.version)

    def ensure(self, path):
        def make():
            if path not in self.world.nodes:
                self.world.create(path, b"", 0)

        return self._do("ensure", make)

    def write(self, writes):
        def all_or_none():
            for each in writes:
                kept = self.world.nodes.get(each.path)
                if kept is None and each.version is not None:
                    raise ZnodeMissing(each.path)
                if kept is not None and each.version is None:
                    raise ZnodeExists(each.path)
                if kept is not None and each.version not in (-1, kept.version):
                    raise ZnodeChanged(each.path)
            for each in writes:
                if each.version is None:
                    self.world.create(each.path, each.data, 0)
                else:
                    self.world.change(each.path, each.data)

        return self._do("write", all_or_none)

    def _watch(self, kind, path, watcher):
        if watcher is not None:
            self.world.watchers.setdefault((kind, path), {})[watcher] = self

    def _do(self, name, act):
        waiter = Waiter()
        self.world.asked[name] += 1
        try:
            if not self.session_id:
                raise Unreachable("away")
            if self.failures:
                raise self.failures.pop(0)
            waiter.callback(act())
        except RegistryError as error:
            waiter.errback(error)
        return waiter
