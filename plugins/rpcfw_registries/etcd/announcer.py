"""
What this process has announced in etcd, and keeping it so.

Theory of operation. ``_kept`` is what there shall be, or shall no longer be;
``_pending`` the part of it that is not known to be so, and ``_asked`` the part of
that which somebody waits for: it comes first. One loop does, in turn: keep
the lease, settle some of what is pending, wait until there is more or the lease is to
be renewed. A lost lease and the self-check make everything pending again: settling
costs one request for many keys, and changes nothing where all is well.

Every key hangs on our lease, and by that we know our own. What was just announced
takes its key from whoever has it, so that a process which is started again follows
itself. Later a key is put back only if it is gone, or somebody put it without a
lease; one with another lease belongs to a process that came after us.

A request without an answer may still be carried out, by a member that was frozen,
when we have long said something else. But then it says it for a lease: so when that
may happen we take another lease, hang everything on it, and revoke the former.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError, InvalidMessage, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.event import Doorbell
from rpcfw.spi.runtime.rate_limit import RateLimit
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.status import Hint, Status
from rpcfw_registries.etcd.lease import Lease
from rpcfw_registries.etcd.messages import COMPARE_LEASE, TXN, message
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained

__all__ = ["Announcing"]

#: Of one request. etcd takes 128 operations, those within others counted, and 1.5 MiB.
_MOST_KEYS = 64
_MOST_BYTES = 1 << 20
#: The pause after a refusal that may not be for good, and after one that may.
_REFUSED_S = 1.0
_FINAL_S = 5.0

_log = Logger()


@define(eq=False)
class _Kept:
    """
    One announced instance.

    Args:
        record: what the key shall hold; None: it shall not be.
        claimed: take the key from whoever has it.
        placed: it was there, and ours, when we saw it last.
    """

    key: bytes
    record: bytes | None
    claimed: bool = True
    placed: bool = False
    waiters: list[Waiter[None]] = field(factory=list)

    def tell(self, error: RegistryError | None = None) -> None:
        """
        Let those go who wait for it.
        """
        waiters, self.waiters = self.waiters, []
        for waiter in waiters:
            if waiter.called:
                continue
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)


class Announcing:
    """
    Keeps announced what shall be.

    Args:
        lease_s: how long an instance outlives this process.
        check_s: how often it is looked whether all is as it shall be.
    """

    def __init__(
        self, session: EtcdSession, lease_s: float, check_s: float, plugin_context: PluginContext
    ) -> None:
        self._session = session
        self._lease = Lease(session, lease_s, plugin_context)
        self._check_s = check_s
        self._check_at = 0.0
        self._clock = plugin_context.clock
        self._chance = plugin_context.random
        self._rate_limit = RateLimit(plugin_context.clock.seconds)
        self._kept: dict[bytes, _Kept] = {}
        self._pending: dict[bytes, _Kept] = {}
        self._asked: dict[bytes, _Kept] = {}
        self._bell = Doorbell()
        self._loop: Deferred[None] | None = None

    async def put(self, key: bytes, record: bytes) -> None:
        """
        Keep ``record`` at ``key``; return once it is there.

        Raises:
            RegistryError: etcd refuses it.
        """
        entry = self._kept.get(key)
        if entry is None:
            entry = self._kept[key] = _Kept(key, record)
        entry.record, entry.claimed = record, True
        if self._loop is None:
            self._check_later()
            self._loop = in_background(self._keep(), "announcing in etcd")
        await self._changed(entry)

    async def drop(self, key: bytes) -> None:
        """
        Keep nothing at ``key`` any longer; return once it is gone, or nobody answers.
        """
        entry = self._kept.get(key)
        if entry is None:
            return
        entry.record = None
        gone = self._changed(entry)
        if self._session.away:
            entry.tell()
        await gone

    async def stop(self) -> None:
        """
        Take everything back.
        """
        if self._loop is not None:
            self._loop.cancel()
        for entry in self._kept.values():
            entry.tell()
        self._kept.clear()
        self._pending.clear()
        self._asked.clear()
        await self._lease.end()

    def lost(self) -> None:
        """
        Learn that the channel was lost: nobody waits for a withdrawal any longer.
        """
        for entry in self._pending.values():
            if entry.record is None:
                entry.tell()
        self._lease.doubt()
        self._bell.ring()

    def _changed(self, entry: _Kept) -> Waiter[None]:
        waiter: Waiter[None] = Waiter()
        entry.waiters.append(waiter)
        self._pending[entry.key] = self._asked[entry.key] = entry
        self._bell.ring()
        return waiter

    # The loop.

    async def _keep(self) -> None:
        while True:
            await self._session.open()
            try:
                if await self._lease.keep():
                    self._pending.update(self._kept)
                self._check()
                if due := self._asked or self._pending:
                    await self._settle(list(due.values()))
                else:
                    await self._lease.clean_up()
                    await self._wait()
            except CallError as error:
                await self._refused(error)

    async def _wait(self) -> None:
        due_at = min(self._lease.renew_at, self._check_at)
        timer = self._clock.callLater(max(0.0, due_at - self._clock.seconds()), self._bell.ring)
        try:
            await self._bell.rung()
        finally:
            if timer.active():
                timer.cancel()
        self._bell.hush()

    def _check(self) -> None:
        if self._clock.seconds() >= self._check_at:
            self._pending.update(self._kept)
            self._check_later()

    def _check_later(self) -> None:
        jitter = 0.9 + 0.2 * self._chance.random()
        self._check_at = self._clock.seconds() + self._check_s * jitter

    async def _refused(self, error: CallError) -> None:
        """
        Act on a failed request. If the member is away, the session has seen to it.
        """
        if error.status in FINAL:
            for entry in tuple(self._pending.values()):
                self._refuse(entry, explained(error))
            await sleep(self._clock, _FINAL_S)
        elif not self._session.away:
            self._warn(f"announcing failed and is tried again: {explained(error)}")
            await sleep(self._clock, _REFUSED_S)

    # Settling.

    async def _settle(self, entries: Sequence[_Kept]) -> None:
        """
        See to it that some of ``entries``, from the first on, are as they shall be.
        """
        some = _fitting(entries)
        sent = [(entry, entry.record, entry.claimed) for entry in some]
        operations = [self._operation(entry) for entry in some]
        try:
            reply = await self._session.call(TXN, message("TxnRequest", success=operations))
        except CallError as error:
            await self._failed(some, error)
            return
        if len(reply.responses) != len(sent):
            raise InvalidMessage(f"etcd answered {len(reply.responses)} of {len(sent)} operations")
        for (entry, record, claimed), response in zip(sent, reply.responses, strict=True):
            # The latest word counts: what was said meanwhile is still pending.
            if entry.record is record:
                self._settled(entry, claimed or self._is_ours(response.response_txn))

    def _operation(self, entry: _Kept) -> Any:
        if entry.record is None:
            delete = message("DeleteRangeRequest", key=entry.key)
            operation = message("RequestOp", request_delete_range=delete)
            return _guarded(entry.key, self._lease.id, operation)
        put = message("PutRequest", key=entry.key, value=entry.record, lease=self._lease.id)
        operation = message("RequestOp", request_put=put)
        if entry.claimed:
            # Not within another: of what is, etcd 3.4 checks no permission.
            return operation
        look = message("RangeRequest", key=entry.key, keys_only=True)
        return _guarded(entry.key, 0, operation, message("RequestOp", request_range=look))

    def _settled(self, entry: _Kept, ours: bool) -> None:
        self._no_longer_pending(entry)
        if entry.record is None:
            self._kept.pop(entry.key, None)
        else:
            entry.placed, entry.claimed = ours, False
            if not ours:
                self._warn(
                    f"{entry.key.decode()} is announced by another process now; is its id unique?"
                )
        entry.tell()

    def _is_ours(self, reply: Any) -> bool:
        found = [kv.lease for response in reply.responses for kv in response.response_range.kvs]
        return reply.succeeded or found == [self._lease.id]

    async def _failed(self, some: Sequence[_Kept], error: CallError) -> None:
        """
        Act on a request that failed as a whole.

        Raises:
            CallError: there is no more to it than to try again.
        """
        if error.status is Status.NOT_FOUND:  # the lease, by the way
            self._lease.lost()
        elif error.status in FINAL:
            if len(some) == 1:
                self._refuse(some[0], explained(error))
            else:
                for entry in some:
                    await self._settle([entry])
        else:
            if not error.hints & Hint.NEVER_SENT and error.status is not Status.RESOURCE_EXHAUSTED:
                self._replace_lease()
            raise error

    def _replace_lease(self) -> None:
        self._lease.replace()
        for entry in self._kept.values():
            entry.claimed = entry.claimed or entry.placed

    def _refuse(self, entry: _Kept, error: RegistryError) -> None:
        """
        Tell that an entry cannot be settled. The next check tries again.
        """
        self._no_longer_pending(entry)
        self._warn(f"{entry.key.decode()} cannot be announced: {error}")
        # What cannot be taken back goes with the lease; nobody need wait for that.
        entry.tell(None if entry.record is None else error)

    def _no_longer_pending(self, entry: _Kept) -> None:
        self._pending.pop(entry.key, None)
        self._asked.pop(entry.key, None)

    def _warn(self, what: str) -> None:
        withheld = self._rate_limit.due(what)
        if withheld is not None:
            _log.warn("{what} (withheld {withheld} times)", what=what, withheld=withheld)


def _fitting(entries: Sequence[_Kept]) -> Sequence[_Kept]:
    """
    Return as many as fit into one request.
    """
    size = 0
    for count, entry in enumerate(entries[:_MOST_KEYS]):
        size += 2 * len(entry.key) + len(entry.record or b"")
        if size > _MOST_BYTES and count:
            return entries[:count]
    return entries[:_MOST_KEYS]


def _guarded(key: bytes, lease: int, operation: Any, otherwise: Any = None) -> Any:
    """
    Return the operation to be done if ``key`` hangs on ``lease``; 0: on none, or is not.
    """
    compare = message("Compare", target=COMPARE_LEASE, key=key, lease=lease)
    failure = [] if otherwise is None else [otherwise]
    inner = message("TxnRequest", compare=[compare], success=[operation], failure=failure)
    return message("RequestOp", request_txn=inner)
