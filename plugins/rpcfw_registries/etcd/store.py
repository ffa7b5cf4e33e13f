"""
Announced instances in etcd: a key for each, on the lease of this process.

By the lease we know our own keys. What somebody has just announced takes its key from
whoever has it, so that a process that is started again follows itself: the key is
*claimed*. Later a key is put back only if it is gone, or somebody put it without a
lease. One with another lease belongs to a process that came after us.

A request without an answer may still be carried out, by a member that was frozen,
when we have long asked for something else. But it puts its keys on the lease that was
ours then. So when that may happen we take another lease, claim all our keys for it,
and revoke the former.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from twisted.logger import Logger

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.status import Hint, Status
from rpcfw_registries.etcd.lease import Lease
from rpcfw_registries.etcd.listing import service_prefix
from rpcfw_registries.etcd.messages import COMPARE_LEASE, TXN, message
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.remote.paths import encoded
from rpcfw_registries.remote.store import Change, InstanceStore, Key, TryAgain

__all__ = ["EtcdStore"]

#: Of one request. etcd takes 1.5 MiB.
_MAX_BYTES = 1 << 20

_log = Logger()


class EtcdStore(InstanceStore):
    """
    The keys of this process.

    Args:
        root: of all keys.
        lease_s: how long an instance outlives this process.
    """

    # etcd takes 128 operations in a transaction, those within others counted.
    max_changes = 64
    max_record_bytes = 1 << 20

    def __init__(
        self, session: EtcdSession, root: bytes, lease_s: float, plugin_context: PluginContext
    ) -> None:
        self._session = session
        self._root = root
        self._lease = Lease(session, lease_s, plugin_context)
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        #: Those that were there, and on our lease, when we saw them last.
        self._ours: set[Key] = set()
        #: Those to be taken from whoever has them.
        self._claimed: set[Key] = set()

    @property
    def renew_at(self) -> float:
        return self._lease.renew_at

    @property
    def away(self) -> bool:
        return self._session.away

    def lost(self) -> None:
        self._lease.renew_now()

    async def open(self) -> None:
        await self._session.open()

    async def renew(self, keys: Sequence[Key]) -> Collection[Key]:
        try:
            is_new = await self._lease.keep()
        except CallError as error:
            raise _error(error) from error
        return keys if is_new else ()

    async def write(self, changes: Sequence[Change]) -> Sequence[RegistryError | None]:
        some = self._fitting(changes)
        self._claimed.update(change.key for change in some if change.asked)
        operations = [self._operation(change) for change in some]
        try:
            reply = await self._session.call(TXN, message("TxnRequest", success=operations))
        except CallError as error:
            return await self._failed(some, error)
        if len(reply.responses) != len(some):
            raise TryAgain(f"etcd answered {len(reply.responses)} of {len(some)} operations")
        for change, response in zip(some, reply.responses, strict=True):
            self._written(change, response)
        return [None] * len(some)

    async def clean_up(self) -> None:
        await self._lease.clean_up()

    async def end(self, keys: Sequence[Key]) -> None:
        await self._lease.end()

    def _fitting(self, changes: Sequence[Change]) -> Sequence[Change]:
        """
        Return as many as fit into one request.
        """
        size = 0
        for count, change in enumerate(changes):
            size += 2 * len(self._path(change.key)) + len(change.record or b"")
            if size > _MAX_BYTES and count:
                return changes[:count]
        return changes

    def _operation(self, change: Change) -> Any:
        key = self._path(change.key)
        if change.record is None:
            delete = message("DeleteRangeRequest", key=key)
            operation = message("RequestOp", request_delete_range=delete)
            return _guarded(key, self._lease.id, operation)
        put = message("PutRequest", key=key, value=change.record, lease=self._lease.id)
        operation = message("RequestOp", request_put=put)
        if change.key in self._claimed:
            # Not within another: of what is, etcd 3.4 checks no permission.
            return operation
        look = message("RangeRequest", key=key, keys_only=True)
        return _guarded(key, 0, operation, message("RequestOp", request_range=look))

    def _path(self, key: Key) -> bytes:
        return service_prefix(self._root, key[0]) + encoded(key[1]).encode()

    def _written(self, change: Change, response: Any) -> None:
        key = change.key
        if change.record is None:
            self._ours.discard(key)
        elif key in self._claimed or self._is_ours(response.response_txn):
            self._ours.add(key)
        else:
            self._ours.discard(key)
            self._log.warn_of(
                f"taken {key}",
                "{key} is announced by another process now; is its id unique?",
                key=self._path(key).decode(),
            )
        self._claimed.discard(key)

    def _is_ours(self, reply: Any) -> bool:
        found = [kv.lease for response in reply.responses for kv in response.response_range.kvs]
        return reply.succeeded or found == [self._lease.id]

    async def _failed(
        self, some: Sequence[Change], error: CallError
    ) -> Sequence[RegistryError | None]:
        """
        Act on a request that failed as a whole, and return its results if it has any.
        """
        if error.status is Status.NOT_FOUND:  # the lease
            self._lease.lost()
            return []
        if error.status not in FINAL:
            if not error.hints & Hint.NEVER_SENT and error.status is not Status.RESOURCE_EXHAUSTED:
                # It may still be carried out; see the module.
                self._lease.replace()
                self._claimed |= self._ours
            raise _error(error) from error
        if len(some) == 1:
            return [_error(error)]
        return await self._one_by_one(some)

    async def _one_by_one(self, some: Sequence[Change]) -> Sequence[RegistryError | None]:
        """
        Find out which of several is refused: etcd refuses the whole request.
        """
        results: list[RegistryError | None] = []
        for change in some:
            result = await self.write([change])
            if not result:
                break
            results += result
        return results


def _error(error: CallError) -> RegistryError:
    reason = explained(error)
    return reason if error.status in FINAL else TryAgain(str(reason))


def _guarded(key: bytes, lease: int, operation: Any, otherwise: Any = None) -> Any:
    """
    Return the operation to be done if ``key`` hangs on ``lease``; 0: on none, or is not.
    """
    compare = message("Compare", target=COMPARE_LEASE, key=key, lease=lease)
    failure = [] if otherwise is None else [otherwise]
    inner = message("TxnRequest", compare=[compare], success=[operation], failure=failure)
    return message("RequestOp", request_txn=inner)
