"""
The nodes that this process keeps in ZooKeeper, one for each announced instance.

Theory of operation. An `Ephemeral` says which node is wanted, if any, and which
nodes may be present, because we once asked for them and have not since seen them
go. *Settling* it is one procedure for everything: make the wanted node exist as
ours, then delete the others. An announcement, a new weight, a withdrawal, each
(re)connect and the self-check only say that it is to be settled; one coroutine at
a time does it, again if it was said meanwhile, and later if nobody answered.

Ours means: made in the present session, and not changed since. A node of an
earlier session would vanish with it, so it is deleted and made anew.
"""

from __future__ import annotations

from contextlib import suppress

from attrs import define, field
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import RateLimit
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw_registries.zookeeper.session import Keeper, NodeMissing, NodeTaken, Refused, Unreachable

__all__ = ["Ephemerals"]

_log = Logger()

#: How often a node is taken from somebody else who keeps making it, in one go.
_TRIES = 3

#: Until the next try, give or take a fifth, when a server is there but did not answer.
_AGAIN_S = 1.0


@define(eq=False)
class _Ephemeral:
    """
    One announced instance.
    """

    key: tuple[str, str]
    wanted: str | None = None
    record: bytes = b""
    present: set[str] = field(factory=set)
    unsettled: bool = False
    busy: bool = False
    waiters: list[Waiter[None]] = field(factory=list)

    def tell(self, error: RegistryError | None = None) -> None:
        """
        Let those go who wait for it.
        """
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if not waiter.called:
                if error is None:
                    waiter.callback(None)
                else:
                    waiter.errback(error)


class Ephemerals:
    """
    Keeps every announced node in place, through whatever happens.
    """

    def __init__(self, keeper: Keeper, plugin_context: PluginContext) -> None:
        self._keeper = keeper
        self._clock = plugin_context.clock
        self._chance = plugin_context.random
        self._rate_limit = RateLimit(plugin_context.clock.seconds)
        self._kept: dict[tuple[str, str], _Ephemeral] = {}
        self._closed = False

    def put(self, key: tuple[str, str], path: str, record: bytes) -> Waiter[None]:
        """
        Keep a node with ``record`` at ``path`` for ``key``; fires once it is there.

        Another path for the same key replaces the node.
        """
        entry = self._kept.get(key)
        if entry is None:
            entry = self._kept[key] = _Ephemeral(key)
        entry.wanted, entry.record = path, record
        return self._change(entry)

    def drop(self, key: tuple[str, str]) -> Waiter[None]:
        """
        Keep no node for ``key`` any longer; fires once it is gone, or nobody answers.
        """
        entry = self._kept.get(key)
        if entry is None:
            waiter: Waiter[None] = Waiter()
            waiter.callback(None)
            return waiter
        entry.wanted = None
        waiter = self._change(entry)
        if not self._keeper.session:
            entry.tell()
        return waiter

    def settle_all(self) -> None:
        """
        See to it that everything is as it should be.
        """
        for entry in tuple(self._kept.values()):
            self._settle_soon(entry)

    def suspended(self) -> None:
        """
        Nobody can be asked for now: let those go who wait for a node's end.
        """
        for entry in self._kept.values():
            if entry.wanted is None:
                entry.tell()

    def close(self) -> None:
        """
        Do nothing any more, and let everybody go. The nodes end with the session.
        """
        self._closed = True
        for entry in self._kept.values():
            entry.tell()

    def _change(self, entry: _Ephemeral) -> Waiter[None]:
        waiter: Waiter[None] = Waiter()
        entry.waiters.append(waiter)
        self._settle_soon(entry)
        return waiter

    def _settle_soon(self, entry: _Ephemeral) -> None:
        entry.unsettled = True
        if not entry.busy and self._keeper.session and not self._closed:
            entry.busy = True
            spawn(self._settle(entry)).addErrback(self._broken)

    def _broken(self, failure: Failure) -> None:
        _log.failure("keeping a node in ZooKeeper failed in a way nobody thought of", failure)

    async def _settle(self, entry: _Ephemeral) -> None:
        refusal = None
        try:
            while entry.unsettled:
                entry.unsettled = False
                await self._settle_once(entry)
        except Unreachable:
            entry.unsettled = True
            delay = _AGAIN_S * (0.8 + 0.4 * self._chance.random())
            self._clock.callLater(delay, self._settle_again, entry)
            return
        except RegistryError as error:
            refusal = error
        finally:
            entry.busy = False
        self._settled(entry, refusal)

    def _settled(self, entry: _Ephemeral, refusal: RegistryError | None) -> None:
        if refusal is not None:
            self._warn(entry, refusal)
        elif entry.wanted is None:
            del self._kept[entry.key]
        entry.tell(refusal)

    def _settle_again(self, entry: _Ephemeral) -> None:
        if entry.unsettled:
            self._settle_soon(entry)

    def _warn(self, entry: _Ephemeral, error: RegistryError) -> None:
        withheld = self._rate_limit.due(f"{entry.key} {error}")
        if withheld is not None:
            _log.warn(
                "instance {id} of {service} cannot be kept in ZooKeeper "
                "(withheld {withheld} times): {error}",
                id=entry.key[1],
                service=entry.key[0],
                withheld=withheld,
                error=error,
            )

    async def _settle_once(self, entry: _Ephemeral) -> None:
        wanted, record = entry.wanted, entry.record
        if wanted is not None and not await self._swapped(entry, wanted, record):
            await self._place(entry, wanted, record)
        for path in sorted(entry.present - {wanted}):
            await self._delete(path)
            entry.present.discard(path)

    async def _swapped(self, entry: _Ephemeral, wanted: str, record: bytes) -> bool:
        """
        Put the wanted node in another's place, if that is all there is to do.
        """
        if wanted in entry.present or len(entry.present) != 1:
            return False
        (old,) = entry.present
        entry.present.add(wanted)
        try:
            await self._keeper.swap(wanted, record, old)
        except (NodeMissing, NodeTaken):
            return False
        entry.present.discard(old)
        return True

    async def _place(self, entry: _Ephemeral, path: str, record: bytes) -> None:
        for _ in range(_TRIES):
            if path in entry.present and await self._is_ours(entry, path):
                return
            entry.present.add(path)
            try:
                await self._keeper.create(path, record)
                return
            except NodeTaken:
                continue
        raise Refused(f"somebody else makes {path} again and again; is its id unique?")

    async def _is_ours(self, entry: _Ephemeral, path: str) -> bool:
        """
        Look whether the node is as we made it, and clear it away if it is not.
        """
        stat = await self._keeper.exists(path)
        if stat is None:
            return False
        if stat.owner == self._keeper.session and stat.version == 0:
            return True
        await self._delete(path)
        return False

    async def _delete(self, path: str) -> None:
        with suppress(NodeMissing):  # somebody, or the end of a session, was faster
            await self._keeper.delete(path)
