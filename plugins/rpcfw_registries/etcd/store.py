"""
Announced instances in etcd: a key for each, on the lease of this process.

By the lease we know our own keys. What somebody has just announced takes its key from
whoever has it, so that a process that is started again follows itself: the key is
*claimed*. Later a key is put back only if it is gone, or somebody put it without a
lease. One with another lease belongs to a process that came after us.

With Dubbo's layout a key changes with its record. Then one transaction puts the new key and
deletes the former.

A request without an answer may still be carried out, by a member that was frozen,
when we have long asked for something else. But it puts its keys on the lease that was
ours then. So when that may happen we take another lease, claim all our keys for it,
and revoke the former.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.status import Hint, Status
from rpcfw_registries.etcd.lease import Lease
from rpcfw_registries.etcd.messages import COMPARE_LEASE, TXN, message
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.store import Change, InstanceStore, Key, TryAgain

__all__ = ["EtcdStore"]

#: Of one request. etcd takes 1.5 MiB.
_MAX_BYTES = 1 << 20
#: Of one request. etcd takes 128 operations in a transaction, those within others counted.
_MAX_OPERATIONS = 64

_log = Logger()


@frozen
class _Planned:
    """
    What is to be done for a change.

    Args:
        path: of the key that is put; empty: none is.
        operations: the first of them puts, if one does.
    """

    change: Change
    path: bytes
    operations: Sequence[Any]


class EtcdStore(InstanceStore):
    """
    The keys of this process.

    Args:
        layout: says where each record is kept.
        lease_s: how long an instance outlives this process.
    """

    max_changes = _MAX_OPERATIONS

    def __init__(
        self, session: EtcdSession, layout: Layout, lease_s: float, plugin_context: PluginContext
    ) -> None:
        self._session = session
        self._layout = layout
        self.max_record_bytes = layout.max_record_bytes
        self._lease = Lease(session, lease_s, plugin_context)
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        #: The paths that were there, and on our lease, when we saw them last.
        self._ours: dict[Key, bytes] = {}
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
        planned = self._planned(changes)
        some = [each.change for each in planned]
        operations = [operation for each in planned for operation in each.operations]
        try:
            reply = await self._session.call(TXN, message("TxnRequest", success=operations))
        except CallError as error:
            return await self._failed(some, error)
        if len(reply.responses) != len(operations):
            self._doubt()
            raise TryAgain(f"etcd answered {len(reply.responses)} of {len(operations)} operations")
        responses = iter(reply.responses)
        for each in planned:
            self._written(each, list(islice(responses, len(each.operations))))
        return [None] * len(some)

    async def clean_up(self) -> None:
        await self._lease.clean_up()

    async def end(self, keys: Sequence[Key]) -> None:
        await self._lease.end()

    def _planned(self, changes: Sequence[Change]) -> Sequence[_Planned]:
        """
        Return what is to be done for as many as fit into one request.
        """
        planned: list[_Planned] = []
        size = count = 0
        for change in changes:
            if change.asked:
                self._claimed.add(change.key)
            one = self._plan(change)
            size += sum(operation.ByteSize() for operation in one.operations)
            count += len(one.operations)
            if planned and (size > _MAX_BYTES or count > _MAX_OPERATIONS):
                break
            planned.append(one)
        return planned

    def _plan(self, change: Change) -> _Planned:
        former = self._ours.get(change.key, b"")
        if change.record is None:
            # What is not known to be there is not on our lease.
            return _Planned(change, b"", [self._deletion(former)] if former else [])
        place = self._layout.place(change.key, change.record)
        path = place.path.encode()
        operations = [self._put(change.key, path, place.data)]
        if former not in (b"", path):
            operations.append(self._deletion(former))
        return _Planned(change, path, operations)

    def _deletion(self, path: bytes) -> Any:
        delete = message("DeleteRangeRequest", key=path)
        return _guarded(path, self._lease.id, message("RequestOp", request_delete_range=delete))

    def _put(self, key: Key, path: bytes, data: bytes) -> Any:
        lease = self._lease.id
        # Where the name says everything, the value is the lease: Java writes it, nobody reads it.
        put = message("PutRequest", key=path, value=data or b"%d" % lease, lease=lease)
        operation = message("RequestOp", request_put=put)
        if key in self._claimed:
            # Not within another: of what is, etcd 3.4 checks no permission.
            return operation
        look = message("RangeRequest", key=path, keys_only=True)
        return _guarded(path, 0, operation, message("RequestOp", request_range=look))

    def _written(self, planned: _Planned, responses: Sequence[Any]) -> None:
        key, path = planned.change.key, planned.path
        if path and (key in self._claimed or self._is_ours(responses[0].response_txn)):
            self._ours[key] = path
        else:
            self._ours.pop(key, None)
        if path and key not in self._ours:
            self._log.warn_of(
                f"taken {key}",
                "{path} is announced by another process now; is its id unique?",
                path=path.decode(),
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
                self._doubt()
            raise _error(error) from error
        if len(some) == 1:
            return [_error(error)]
        return await self._one_by_one(some)

    def _doubt(self) -> None:
        """
        Give up the lease of a request that may still be carried out; see the module.
        """
        self._lease.replace()
        self._claimed |= self._ours.keys()

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
