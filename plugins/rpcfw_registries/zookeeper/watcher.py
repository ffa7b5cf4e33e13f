"""
The instances of one service in ZooKeeper, watched for any number of listeners.

Theory of operation. Only the list of names is watched. The name of a znode changes
with its record (see `rpcfw_registries.remote.paths`), so a change costs one list and
the new znodes, however many there are. A ZooKeeper watch fires once, and says only
that something has changed. So each sign of a change (the watch, a connect, the
self-check) does the same: the list is *outdated* and is read again. One coroutine
reads at a time, and once more if the list became outdated meanwhile, at most once in
``min_interval_s``: many changes at once cost a few lists.

The request that reads the list also sets the watch, so no change is missed between
the two. If the service does not exist yet, a watch waits for it to be created; no
permission to write is needed. A read without an answer is repeated later. Until then
the last list stays.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.printable import printable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.subscribers import Subscribers
from rpcfw_registries.zookeeper.applications.service import (
    ServiceApplications,
    WatchedApplications,
)
from rpcfw_registries.zookeeper.session import (
    Children,
    Unreachable,
    Znode,
    ZnodeMissing,
    ZooKeeperSession,
)

__all__ = ["Watcher"]

_log = Logger()

#: How many znodes are read in one batch. Decoding the records of a batch blocks the reactor
#: for some milliseconds.
_BATCH = 400

#: How many batches are requested at a time: while one is decoded the next arrives.
#: A server with a thousand requests to answer is slow for all its clients.
_MAX_BATCHES = 2

#: So much of a name that is left out is in the log.
_MAX_SHOWN_CHARS = 500

#: The delay before a failed read is repeated, give or take a fifth.
_RETRY_S = 1.0


@frozen
class _Record:
    """
    What a znode holds.

    Args:
        instance: None if it could not be decoded, or must not be called.
        created: tells the newer of two znodes of one instance.
    """

    instance: Instance | None
    created: float


class Watcher:
    """
    The list of one service's instances, kept up to date while anybody listens.

    Args:
        layout: says where the instances are, and reads them.
        min_interval_s: least time between the beginnings of two reads.
        unreachable: says why no server is reached; empty while one is.
        applications: where Dubbo has further instances.
    """

    def __init__(
        self,
        service: str,
        layout: Layout,
        session: ZooKeeperSession,
        plugin_context: PluginContext,
        min_interval_s: float,
        unreachable: Callable[[], str],
        applications: WatchedApplications | None = None,
    ) -> None:
        self._service = service
        self._layout = layout
        self._path = layout.folder(service)
        self._session = session
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._min_interval_s = min_interval_s
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._subscribers = Subscribers(
            service, plugin_context.clock, self._unsubscribed, unreachable
        )
        self._records: dict[str, _Record] = {}
        #: Names that do not match their record, so the record is read again each time.
        self._mismatched: set[str] = set()
        self._changed_at: int | None = None
        self._outdated = True
        self._busy = False
        self._read_at = -min_interval_s
        self._closed = False
        #: Whether the list was read since there are subscribers.
        self._listed = False
        self._elsewhere: ServiceApplications | None = None
        if applications is not None:
            self._elsewhere = ServiceApplications(service, applications, self._elsewhere_changed)
        #: The next try to read it, while it cannot be read.
        self._retry: DelayedCall | None = None

    def subscribe(self, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        Call ``listener`` with the list, once it is known and after each change.
        """
        watch = self._subscribers.add(listener, on_refused)
        if self._elsewhere is not None:
            self._elsewhere.open()
        if self._outdated:
            self._read_soon()
        return watch

    def outdated(self) -> None:
        """
        What is known may be out of date: read again.
        """
        self._outdated = True
        self._read_soon()

    def check(self) -> None:
        """
        Check whether a change was missed, which costs one small response.
        """
        if self._may_ask():
            in_background(self._check(), f"checking {self._service} in ZooKeeper")

    def close(self) -> None:
        """
        Call no listener any more.
        """
        self._closed = True
        self._subscribers.close()

    def _unsubscribed(self) -> None:
        # Nobody reads it from now on. The next subscriber gets no old list.
        self._outdated = True
        self._listed = False
        self._subscribers.forget()
        if self._elsewhere is not None:
            self._elsewhere.close()

    def _may_ask(self) -> bool:
        idle = not self._busy and not self._closed
        return idle and bool(self._session.session_id) and bool(self._subscribers)

    async def _check(self) -> None:
        try:
            stat = await self._session.exists(self._path)
        except RegistryError:
            return  # the next connect reads again in any case
        if (None if stat is None else stat.children_changed) != self._changed_at:
            self.outdated()

    # Reading.

    def _read_soon(self) -> None:
        if self._may_ask():
            self._busy = True
            in_background(self._read_all(), f"reading {self._service} in ZooKeeper")

    async def _read_all(self) -> None:
        try:
            while self._outdated and not self._closed:
                await self._pause()
                self._outdated = False
                await self._read()
        except RegistryError as error:
            self._outdated = True
            self._fail(error)
        finally:
            self._busy = False

    async def _pause(self) -> None:
        wait = self._read_at + self._min_interval_s - self._clock.seconds()
        if wait > 0:
            await sleep(self._clock, wait)
        self._read_at = self._clock.seconds()

    def _fail(self, error: RegistryError) -> None:
        if not isinstance(error, Unreachable):
            reason = f"the instances of {self._service} cannot be read: {error}"
            self._subscribers.fail(reason, refused=True)
            self._warn("refused", reason)
        # One that is due already goes on: each reconnect would add another otherwise.
        if self._retry is None or not self._retry.active():
            delay = _RETRY_S * (0.8 + 0.4 * self._random.random())
            self._retry = self._clock.callLater(delay, self._read_soon)

    async def _read(self) -> None:
        children = await self._list()
        gone, new = self._differences(children.names)
        fresh = await (self._fetch(new) if self._layout.reads_data else self._read_names(new))
        for name in gone:
            del self._records[name]
        self._mismatched -= gone
        self._records.update(fresh)
        self._changed_at = children.changed if children.changed >= 0 else None
        self._listed = True
        self._subscribers.succeed()
        if gone or fresh or not self._subscribers.is_known:
            self._notify()

    async def _list(self) -> Children:
        while True:
            try:
                return await self._session.children(self._path, self.outdated)
            except ZnodeMissing:
                if await self._session.exists(self._path, self.outdated) is None:
                    return Children((), -1)

    def _differences(self, names: Sequence[str]) -> tuple[set[str], list[str]]:
        gone = self._records.keys() - set(names)
        new = [name for name in names if name not in self._records or name in self._mismatched]
        return gone, new

    async def _read_names(self, names: Sequence[str]) -> dict[str, _Record]:
        fresh: dict[str, _Record] = {}
        for count, name in enumerate(names):
            if count and count % _BATCH == 0:
                await sleep(self._clock, 0)
            instance = self._instance(name, b"")
            started_at = 0.0 if instance is None else instance.started_at
            fresh[name] = _Record(instance, started_at)
        return fresh

    async def _fetch(self, names: Sequence[str]) -> dict[str, _Record]:
        fresh: dict[str, _Record] = {}
        parts = deque(names[at : at + _BATCH] for at in range(0, len(names), _BATCH))
        asked: deque[tuple[Sequence[str], Waiter[list[Znode | None]]]] = deque()
        try:
            while parts or asked:
                while parts and len(asked) < _MAX_BATCHES:
                    asked.append((parts[0], self._ask_for(parts.popleft())))
                part, answer = asked.popleft()
                for name, node in zip(part, await answer, strict=True):
                    # One that is gone already has changed the list again.
                    if node is not None:
                        fresh[name] = self._decoded(name, node)
        finally:
            for _, answer in asked:
                answer.addErrback(lambda _: None)
        return fresh

    def _ask_for(self, names: Sequence[str]) -> Waiter[list[Znode | None]]:
        return self._session.read([f"{self._path}/{name}" for name in names])

    def _decoded(self, name: str, node: Znode) -> _Record:
        instance = self._instance(name, node.data)
        if instance is not None and self._layout.fits(name, instance, node.data):
            self._mismatched.discard(name)
        else:
            self._mismatched.add(name)
        return _Record(instance, node.created)

    def _instance(self, name: str, data: bytes) -> Instance | None:
        try:
            return self._layout.instance(self._service, name, data)
        except ValueError as error:
            shown = printable(name[:_MAX_SHOWN_CHARS])
            self._warn("unreadable", f"{self._path}/{shown} is left out: {error}")
            return None

    def _warn(self, kind: str, what: str) -> None:
        self._log.warn_of(kind, "{what}", what=what)

    def _elsewhere_changed(self) -> None:
        if self._listed and self._subscribers:
            self._notify()

    def _notify(self) -> None:
        newest: dict[str, _Record] = {}
        for record in self._records.values():
            if record.instance is None:
                continue
            other = newest.get(record.instance.id)
            if other is None or other.created < record.created:
                newest[record.instance.id] = record
        found = {id: each.instance for id, each in newest.items() if each.instance is not None}
        if self._elsewhere is not None:
            if not (found or self._elsewhere.known or self._subscribers.is_known):
                return  # an empty list would say that there is nobody
            _add_missing(found, self._elsewhere.instances())
        self._subscribers.notify(found.values())


def _add_missing(found: dict[str, Instance], elsewhere: Iterable[Instance]) -> None:
    """
    Add the instances that are not found yet, neither by their id nor at their address.
    """
    known = {(each.address.authority, each.group, each.version) for each in found.values()}
    for instance in elsewhere:
        place = (instance.address.authority, instance.group, instance.version)
        if place not in known:
            found.setdefault(instance.id, instance)
