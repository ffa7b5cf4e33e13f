"""
One service as ZooKeeper has it, followed for as many listeners as want it.

Theory of operation. The list of names is all that is watched, and a name changes
with what its node says (see `rpcfw_registries.remote.paths`). So one change costs one
list and the new nodes, however many there are. A watch tells once, and that only
that something changed; every sign of change (the watch, a connect, the self-check)
therefore says no more than "read again". One coroutine at a time reads, again if
it was said meanwhile, at most once in `merge_s`; so a burst costs a few lists.

Reading sets the watch in the same request, so no change falls between. If there
is no such service yet, its coming is watched; nobody need be permitted to write.
A read that nobody answers is repeated later; until then the last list stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from attrs import define, frozen
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, Watch
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import RateLimit
from rpcfw.spi.runtime.waiting import Waiter, sleep, spawn
from rpcfw.values.instance import Instance, Snapshot, instance_from_json
from rpcfw_registries.remote.paths import znode_name
from rpcfw_registries.zookeeper.session import Children, Keeper, Node, NodeMissing, Unreachable

__all__ = ["Followed"]

_log = Logger()

#: How many nodes are asked for at once. Their records are read in one go, which
#: keeps the reactor for some milliseconds.
_AT_ONCE = 400

#: How many such parts are on their way at a time: while one is read the next comes.
#: A server slows everybody down when it has a thousand requests to answer.
_AHEAD = 2

#: Until the next try, give or take a fifth, when a server is there but did not answer.
_AGAIN_S = 1.0


@frozen
class _Seen:
    """
    What a node said.

    Args:
        instance: None if it could not be read.
        created: tells the newer of two nodes of one instance.
    """

    instance: Instance | None
    created: int


@define(eq=False)
class _Subscription(Watch):
    """
    One listener.
    """

    listener: Listener
    closed: bool = False

    def close(self) -> None:
        self.closed = True


class Followed:
    """
    The list of one service's instances, kept up to date while anybody listens.

    Args:
        merge_s: least time between the beginnings of two reads.
    """

    def __init__(
        self, service: str, path: str, keeper: Keeper, plugin_context: PluginContext, merge_s: float
    ) -> None:
        self._service = service
        self._path = path
        self._keeper = keeper
        self._clock = plugin_context.clock
        self._chance = plugin_context.random
        self._merge_s = merge_s
        self._rate_limit = RateLimit(plugin_context.clock.seconds)
        self._subscriptions: list[_Subscription] = []
        self._seen: dict[str, _Seen] = {}
        #: Names that do not vouch for the record, so it is read again each time.
        self._doubted: set[str] = set()
        self._changed_at: int | None = None
        self._snapshot: Snapshot | None = None
        self._outdated = True
        self._busy = False
        self._read_at = -merge_s
        self._closed = False
        #: The next try to read it, while it cannot be read.
        self._again: DelayedCall | None = None
        #: Why the list cannot be read; empty if it can.
        self.trouble = ""

    def subscribe(self, listener: Listener) -> Watch:
        """
        Tell ``listener`` the list, once it is known and whenever it changes.
        """
        subscription = _Subscription(listener)
        self._subscriptions.append(subscription)
        if self._outdated:
            self._read_soon()
        else:
            self._clock.callLater(0, self._tell, subscription)
        return subscription

    def outdated(self) -> None:
        """
        What is known may be out of date: read again.
        """
        self._outdated = True
        self._read_soon()

    def check(self) -> None:
        """
        Ask whether a change was missed, which costs one small answer.
        """
        if self._keeper.session and self._wanted() and not self._busy and not self._closed:
            spawn(self._check()).addErrback(self._broken)

    def close(self) -> None:
        """
        Tell nobody anything any more.
        """
        self._closed = True

    def _wanted(self) -> bool:
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        return bool(self._subscriptions)

    async def _check(self) -> None:
        try:
            stat = await self._keeper.exists(self._path)
        except RegistryError:
            return  # the next connect reads again in any case
        if (None if stat is None else stat.children_changed) != self._changed_at:
            self.outdated()

    # Reading.

    def _read_soon(self) -> None:
        if not self._busy and self._keeper.session and not self._closed and self._wanted():
            self._busy = True
            spawn(self._follow()).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        _log.failure("following a service in ZooKeeper failed in a way nobody thought of", failure)

    async def _follow(self) -> None:
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
        wait = self._read_at + self._merge_s - self._clock.seconds()
        if wait > 0:
            await sleep(self._clock, wait)
        self._read_at = self._clock.seconds()

    def _fail(self, error: RegistryError) -> None:
        if not isinstance(error, Unreachable):
            self.trouble = f"the instances of {self._service} cannot be read: {error}"
            self._warn(self.trouble)
        # One that is due already goes on: each reconnect would add another otherwise.
        if self._again is None or not self._again.active():
            delay = _AGAIN_S * (0.8 + 0.4 * self._chance.random())
            self._again = self._clock.callLater(delay, self._read_soon)

    async def _read(self) -> None:
        children = await self._list()
        self.trouble = ""
        gone, new = self._differences(children.names)
        fresh = await self._fetch(new)
        for name in gone:
            del self._seen[name]
        self._doubted -= gone
        self._seen.update(fresh)
        self._changed_at = children.changed if children.changed >= 0 else None
        if gone or fresh or self._snapshot is None:
            self._publish()

    async def _list(self) -> Children:
        while True:
            try:
                return await self._keeper.children(self._path, self.outdated)
            except NodeMissing:
                if await self._keeper.exists(self._path, self.outdated) is None:
                    return Children((), -1)

    def _differences(self, names: Sequence[str]) -> tuple[set[str], list[str]]:
        gone = self._seen.keys() - set(names)
        new = [name for name in names if name not in self._seen or name in self._doubted]
        return gone, new

    async def _fetch(self, names: Sequence[str]) -> dict[str, _Seen]:
        fresh: dict[str, _Seen] = {}
        parts = deque(names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE))
        asked: deque[tuple[Sequence[str], Waiter[list[Node | None]]]] = deque()
        try:
            while parts or asked:
                while parts and len(asked) < _AHEAD:
                    asked.append((parts[0], self._ask_for(parts.popleft())))
                part, answer = asked.popleft()
                for name, node in zip(part, await answer, strict=True):
                    # One that is gone already has changed the list again.
                    if node is not None:
                        fresh[name] = self._understood(name, node)
        finally:
            for _, answer in asked:
                answer.addErrback(lambda _: None)
        return fresh

    def _ask_for(self, names: Sequence[str]) -> Waiter[list[Node | None]]:
        return self._keeper.read([f"{self._path}/{name}" for name in names])

    def _understood(self, name: str, node: Node) -> _Seen:
        try:
            instance = instance_from_json(node.data)
            if instance.service != self._service:
                raise ValueError(f"it is a record of the service {instance.service!r}")
        except ValueError as error:
            self._warn(f"{self._path}/{name} is left out: {error}")
            self._doubted.add(name)
            return _Seen(None, node.created)
        if name == znode_name(instance.id, node.data):
            self._doubted.discard(name)
        else:
            self._doubted.add(name)
        return _Seen(instance, node.created)

    def _warn(self, what: str) -> None:
        withheld = self._rate_limit.due(what)
        if withheld is not None:
            _log.warn("{what} (withheld {withheld} times)", what=what, withheld=withheld)

    # Telling.

    def _publish(self) -> None:
        newest: dict[str, _Seen] = {}
        for seen in self._seen.values():
            if seen.instance is None:
                continue
            other = newest.get(seen.instance.id)
            if other is None or other.created < seen.created:
                newest[seen.instance.id] = seen
        instances = tuple(seen.instance for seen in newest.values() if seen.instance is not None)
        if self._snapshot is not None and self._snapshot.instances == instances:
            return
        self._snapshot = Snapshot(self._service, instances)
        for subscription in tuple(self._subscriptions):
            self._tell(subscription)

    def _tell(self, subscription: _Subscription) -> None:
        if subscription.closed or self._closed or self._snapshot is None:
            return
        try:
            subscription.listener(self._snapshot)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to {service} failed", service=self._service)
