"""
What this process has announced at a registry node, and keeping it so.

Theory of operation. ``_wanted`` is what there shall be. One loop does, in turn:
renew all leases when that is due, announce what is pending, wait for either. What
a renewal says is missing becomes pending again; that covers a node that started
anew, another node, a lease that has lapsed, and a record that somebody deleted.
A lost channel makes a renewal due at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.event import Doorbell
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.status import Status
from rpcfw.values.instance import Instance, instance_to_json
from rpcfw_registries.standalone.messages import MOST_IN_A_MESSAGE, Granted, Key, Renewed
from rpcfw_registries.standalone.session import ANNOUNCE, CALL_S, RENEW, WITHDRAW, Session

__all__ = ["Announcing"]

T = TypeVar("T")

#: Withdrawing has less time than other calls: without it the lease does the same.
_WITHDRAW_S = 1.0
#: The pause after a refusal that may not be for good.
_REFUSED_S = 1.0
_FINAL = (Status.PERMISSION_DENIED, Status.UNAUTHENTICATED, Status.INVALID_ARGUMENT)

_log = Logger()


@define(eq=False)
class _Announcement:
    key: Key
    record: msgspec.Raw
    waiters: list[Waiter[None]] = field(factory=list)


class Announcing:
    """
    Keeps announced what shall be.

    Args:
        lease_s: how long an instance outlives this process.
    """

    def __init__(self, session: Session, lease_s: float, plugin_context: PluginContext) -> None:
        self._session = session
        self._clock = plugin_context.clock
        self._chance = plugin_context.random
        self._asked_s = lease_s
        self._granted_s = lease_s
        self._owner = f"{self._chance.randrange(1 << 64):016x}"
        self._wanted: dict[Key, _Announcement] = {}
        self._pending: dict[Key, _Announcement] = {}
        self._renew_at = 0.0
        self._bell = Doorbell()
        self._loop: Deferred[None] | None = None

    async def announce(self, instance: Instance) -> None:
        """
        Want it, and return once the node has it.
        """
        key = (instance.service, instance.id)
        former = self._wanted.get(key)
        announcement = _Announcement(key, msgspec.Raw(instance_to_json(instance)))
        if former is not None:
            announcement.waiters = former.waiters
        waiter: Waiter[None] = Waiter()
        announcement.waiters.append(waiter)
        self._wanted[key] = self._pending[key] = announcement
        if self._loop is None:
            self._loop = in_background(self._keep(), "announcing at a registry node")
        self._bell.ring()
        await waiter

    async def withdraw(self, instance: Instance) -> None:
        """
        Want it no more, and return once it is gone, or the node is away.
        """
        key = (instance.service, instance.id)
        announcement = self._wanted.pop(key, None)
        if announcement is None:
            return
        self._pending.pop(key, None)
        _finish(announcement)
        await self._take_back([key])

    async def stop(self) -> None:
        """
        Take everything back.
        """
        if self._loop is not None:
            self._loop.cancel()
        keys = list(self._wanted)
        for announcement in self._wanted.values():
            _finish(announcement)
        self._wanted.clear()
        self._pending.clear()
        await self._take_back(keys)

    def lost(self) -> None:
        """
        Learn that the channel was lost: who knows what the next node knows.
        """
        self._renew_at = 0.0
        self._bell.ring()

    async def _take_back(self, keys: list[Key]) -> None:
        for some in _chunks(keys):
            if self._session.away:
                return
            try:
                await self._session.call(
                    WITHDRAW, timeout_s=_WITHDRAW_S, owner=self._owner, keys=list(some)
                )
            except CallError as error:
                _log.info("withdrawing is left to the lease: {error}", error=str(error))

    async def _keep(self) -> None:
        while True:
            await self._session.open()
            try:
                await self._renew()
                await self._announce()
            except CallError as error:
                await self._refused(error)
            else:
                await self._wait()

    async def _wait(self) -> None:
        wait_s = max(0.0, self._renew_at - self._clock.seconds())
        if self._pending:
            wait_s = min(wait_s, _REFUSED_S)
        timer = self._clock.callLater(wait_s, self._bell.ring)
        try:
            await self._bell.rung()
        finally:
            if timer.active():
                timer.cancel()
        self._bell.hush()

    async def _renew(self) -> None:
        if self._clock.seconds() < self._renew_at:
            return
        keys = [key for key in self._wanted if key not in self._pending]
        due_at = self._clock.seconds()
        for some in _chunks(keys):
            renewed: Renewed = await self._session.call(
                RENEW,
                timeout_s=min(CALL_S, self._granted_s / 3),
                owner=self._owner,
                lease_s=self._asked_s,
                keys=list(some),
            )
            self._granted_s = renewed.lease_s
            for key in renewed.missing:
                if key in self._wanted:
                    self._pending[key] = self._wanted[key]
        # A third, and not all at once: two renewals may be lost.
        self._renew_at = due_at + self._granted_s / 3 * (0.9 + 0.2 * self._chance.random())

    async def _announce(self) -> None:
        for chunk in _chunks(list(self._pending.values())):
            # Not what was withdrawn or replaced while the chunk before was under way.
            some = [one for one in chunk if self._pending.get(one.key) is one]
            granted: Granted = await self._session.call(
                ANNOUNCE,
                owner=self._owner,
                lease_s=self._asked_s,
                records=[announcement.record for announcement in some],
            )
            self._shorten(granted.lease_s)
            self._sort_out(some, granted)

    def _shorten(self, lease_s: float) -> None:
        self._granted_s = lease_s
        self._renew_at = min(self._renew_at, self._clock.seconds() + lease_s / 3)

    def _sort_out(self, some: Sequence[_Announcement], granted: Granted) -> None:
        refused = {refusal.index: refusal for refusal in granted.refused}
        for index, announcement in enumerate(some):
            refusal = refused.get(index)
            if refusal is None:
                self._settled(announcement)
            elif refusal.final:
                self._refuse(announcement, refusal.reason)
        not_yet = [refusal.reason for refusal in granted.refused if not refusal.final]
        if not_yet:
            _log.warn(
                "the registry node took {count} instances less than announced: {reason};"
                " they are announced again until it does",
                count=len(not_yet),
                reason=not_yet[0],
            )

    async def _refused(self, error: CallError) -> None:
        """
        Act on a failed call. If the node is away, the session has seen to it.
        """
        if error.status in _FINAL:
            for announcement in tuple(self._pending.values()):
                self._refuse(announcement, str(error))
        elif not self._session.away:
            _log.warn("announcing failed and is tried again: {error}", error=str(error))
        if not self._session.away:
            await sleep(self._clock, _REFUSED_S)

    def _settled(self, announcement: _Announcement) -> None:
        # What was replaced or withdrawn meanwhile has another in its place.
        if self._pending.get(announcement.key) is announcement:
            del self._pending[announcement.key]
            _finish(announcement)

    def _refuse(self, announcement: _Announcement, reason: str) -> None:
        if self._wanted.get(announcement.key) is not announcement:
            return
        del self._wanted[announcement.key]
        self._pending.pop(announcement.key, None)
        text = f"the registry node refuses {' '.join(announcement.key)}: {reason}"
        _log.error("{text}", text=text)
        for waiter in announcement.waiters:
            waiter.errback(RegistryError(text))


def _finish(announcement: _Announcement) -> None:
    waiters, announcement.waiters = announcement.waiters, []
    for waiter in waiters:
        waiter.callback(None)


def _chunks(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(keys), MOST_IN_A_MESSAGE):
        yield keys[start : start + MOST_IN_A_MESSAGE]
