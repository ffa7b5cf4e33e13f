"""
Announced instances at a registry server, each under a lease of its own.

A renewal says what the server does not have. That covers a server that was restarted,
another server, a lease that has expired, and a record that somebody deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from typing import TypeVar

import msgspec

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.remote.store import Change, InstanceStore, Key, TryAgain
from rpcfw_registries.standalone.messages import (
    MAX_COUNTER,
    MAX_PER_MESSAGE,
    Granted,
    Refusal,
    Renewed,
)
from rpcfw_registries.standalone.session import ANNOUNCE, CALL_S, FINAL, RENEW, WITHDRAW, Session

__all__ = ["StandaloneStore"]

T = TypeVar("T")

#: What a server may grant. Less would have it asked without pause, and more never.
_MIN_LEASE_S = 0.1
_MAX_LEASE_S = 86_400.0
#: A withdrawal has less time than other calls: without it the lease ends by itself.
_WITHDRAW_S = 1.0


class StandaloneStore(InstanceStore):
    """
    The records of this process.

    Args:
        lease_s: how long an instance outlives this process.
    """

    max_changes = MAX_PER_MESSAGE

    def __init__(self, session: Session, lease_s: float, plugin_context: PluginContext) -> None:
        self._session = session
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._asked_s = lease_s
        self._granted_s = lease_s
        self._renew_at = 0.0
        #: See `Granted.version`.
        self._seen = 0

    @cached_property
    def _owner(self) -> str:
        # Made when it is first needed: a program may make its registry before it forks, and the
        # children are not one owner.
        return f"{self._random.randrange(1 << 64):016x}"

    @property
    def renew_at(self) -> float:
        return self._renew_at

    @property
    def away(self) -> bool:
        return self._session.away

    def lost(self) -> None:
        # The next server may know nothing.
        self._renew_at = 0.0

    async def open(self) -> None:
        await self._session.open()

    async def renew(self, keys: Sequence[Key]) -> Collection[Key]:
        now = self._clock.seconds()
        missing: list[Key] = []
        for some in _chunks(keys):
            try:
                renewed: Renewed = await self._session.call(
                    RENEW,
                    timeout_s=min(CALL_S, self._granted_s / 3),
                    owner=self._owner,
                    lease_s=self._asked_s,
                    keys=list(some),
                )
            except CallError as error:
                raise _error(error) from error
            self._take(renewed.lease_s, renewed.version)
            missing += renewed.missing
        # A third, with jitter: two renewals may be lost, and a fleet does not renew at once.
        self._renew_at = now + self._granted_s / 3 * (0.9 + 0.2 * self._random.random())
        return missing

    async def write(self, changes: Sequence[Change]) -> Sequence[RegistryError | None]:
        # One call announces or withdraws. Order matters only for one and the same key.
        withdraws = changes[0].record is None
        some = list(takewhile(lambda change: (change.record is None) is withdraws, changes))
        try:
            return await (self._withdraw(some) if withdraws else self._announce(some))
        except CallError as error:
            reason = _error(error)
            if isinstance(reason, TryAgain):
                raise reason from error
            return [reason] * len(some)

    async def end(self, keys: Sequence[Key]) -> None:
        for some in _chunks(keys):
            if self._session.away:
                return
            try:
                await self._call_withdraw(some)
            except CallError:
                continue  # the lease does the same

    async def _announce(self, some: Sequence[Change]) -> Sequence[RegistryError | None]:
        granted: Granted = await self._session.call(
            ANNOUNCE,
            owner=self._owner,
            lease_s=self._asked_s,
            records=[msgspec.Raw(change.record or b"") for change in some],
            seen=self._seen,
        )
        self._take(granted.lease_s, granted.version)
        self._renew_at = min(self._renew_at, self._clock.seconds() + self._granted_s / 3)
        refused = {refusal.index: refusal for refusal in granted.refused}
        return [_result(refused.get(index)) for index in range(len(some))]

    def _take(self, lease_s: float, version: int) -> None:
        self._seen = max(self._seen, min(version, MAX_COUNTER))
        # In this order NaN becomes the shortest lease.
        self._granted_s = min(max(_MIN_LEASE_S, lease_s), _MAX_LEASE_S)

    async def _withdraw(self, some: Sequence[Change]) -> Sequence[RegistryError | None]:
        await self._call_withdraw([change.key for change in some])
        return [None] * len(some)

    async def _call_withdraw(self, keys: Sequence[Key]) -> None:
        await self._session.call(
            WITHDRAW, timeout_s=_WITHDRAW_S, owner=self._owner, keys=list(keys)
        )


def _result(refusal: Refusal | None) -> RegistryError | None:
    if refusal is None:
        return None
    reason = f"the registry server refuses it: {refusal.reason}"
    return RegistryError(reason) if refusal.final else TryAgain(reason)


def _error(error: CallError) -> RegistryError:
    reason = f"the registry server refuses it: {error}"
    return RegistryError(reason) if error.status in FINAL else TryAgain(reason)


def _chunks(keys: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(keys), MAX_PER_MESSAGE):
        yield keys[start : start + MAX_PER_MESSAGE]
