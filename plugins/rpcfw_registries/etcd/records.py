"""
Records of rules in etcd: a key for each scope, and its history below it. No lease holds them.

Theory of operation. A watch reads the key at a revision R, then receives what changes from
R + 1 on. Whenever the watch ends, for whatever reason, it begins again with a read: that is
one small request, and covers what was compacted or lost meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError, DeadlineExceeded, RegistryError, Unavailable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.waiting import as_coroutine, sleep, with_deadline
from rpcfw.status import Hint, Status
from rpcfw.values.rule import Scope
from rpcfw_registries.etcd.member import Changes, Member
from rpcfw_registries.etcd.messages import COMPARE_MOD, EVENT_DELETE, RANGE, TXN, message
from rpcfw_registries.etcd.session import FINAL, EtcdSession, explained
from rpcfw_registries.rules.record_watch import RecordWatch
from rpcfw_registries.rules.store import (
    NOTHING,
    RecordListener,
    RecordStore,
    Stored,
    record_path,
)

__all__ = ["EtcdRecords"]

#: How long one watch lasts; half of it is random, so that a fleet does not come back at once.
_STREAM_S = 3600.0
#: The wait after a watch that was refused, or cancelled by the member.
_RETRY_S = 1.0


class EtcdRecords(RecordStore):
    """
    Uses the connection of a registry.

    Args:
        root: prefix of all keys of the registry.
        live: has the connection checked from now on.
    """

    def __init__(
        self,
        session: EtcdSession,
        root: str,
        live: Callable[[], None],
        plugin_context: PluginContext,
    ) -> None:
        self._session = session
        self._root = root
        self._live = live
        self._plugin_context = plugin_context

    @property
    def trouble(self) -> str:
        return self._session.trouble

    async def read(self, scope: Scope) -> Stored:
        path = record_path(self._root, scope)
        keys = path.encode(), f"{path}/history".encode()
        looks = [
            message("RequestOp", request_range=message("RangeRequest", key=key)) for key in keys
        ]
        reply = await self._ask(message("TxnRequest", success=looks), repeatable=True)
        documents, history = (list(one.response_range.kvs) for one in reply.responses)
        if not documents:
            return NOTHING
        stamp = str(documents[0].mod_revision)
        return Stored(documents[0].value, history[0].value if history else b"", stamp)

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        path = record_path(self._root, scope)
        key = path.encode()
        pairs = (key, documents), (f"{path}/history".encode(), history)
        puts = [
            message("RequestOp", request_put=message("PutRequest", key=key, value=value))
            for key, value in pairs
        ]
        as_read = message("Compare", target=COMPARE_MOD, key=key, mod_revision=int(stamp or "0"))
        reply = await self._ask(message("TxnRequest", compare=[as_read], success=puts))
        return bool(reply.succeeded)

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        self._live()
        key = record_path(self._root, scope).encode()
        return _KeyWatch(self._session, key, listener, on_refused, self._plugin_context)

    async def _ask(self, request: Any, *, repeatable: bool = False) -> Any:
        """
        Ask the member in use, and others if it is unreachable and the request may be made again.
        """
        failed: CallError | None = None
        for _ in range(self._session.servers):
            try:
                return await self._session.call(TXN, request)
            except CallError as error:
                failed = error
                if error.status in FINAL:
                    raise explained(error) from error
                if not (repeatable or error.hints & Hint.NEVER_SENT):
                    raise RegistryError(
                        f"no etcd member has answered, and one may have done it: {failed}"
                    ) from failed
        raise RegistryError(f"no etcd member has answered: {failed}") from failed


class _KeyWatch(RecordWatch):
    """
    Follows one key.
    """

    def __init__(
        self,
        session: EtcdSession,
        key: bytes,
        listener: RecordListener,
        on_refused: OnRefused,
        plugin_context: PluginContext,
    ) -> None:
        super().__init__(key.decode(), listener, on_refused, plugin_context)
        self._session = session
        self._key = key
        self._timers = plugin_context.timers

    async def _follow(self) -> None:
        member = await self._session.open()
        try:
            revision = await self._read()
            await self._watch(member, revision + 1)
        except DeadlineExceeded as error:
            self._session.failed(member, error)
        except CallError as error:
            if not self._session.failed(member, error):
                if error.status in FINAL:
                    self._refuse(f"{self._key.decode()} cannot be watched: {explained(error)}")
                await sleep(self._clock, _RETRY_S * (0.5 + self._random.random()))

    async def _read(self) -> int:
        reply = await self._session.call(RANGE, message("RangeRequest", key=self._key))
        self._tell(reply.kvs[0].value if reply.kvs else None)
        return int(reply.header.revision)

    async def _watch(self, member: Member, revision: int) -> None:
        """
        Take changes until the watch ends; return if it has only become old.

        Raises:
            CallError: it ended for another reason.
        """
        session = self._session
        sent = await session.metadata(member, self._clock.seconds() + session.timeout_s)
        create = message("WatchCreateRequest", key=self._key, start_revision=revision)
        until_s = _STREAM_S * (0.5 + 0.5 * self._random.random())
        request = message("WatchRequest", create_request=create)
        changes = member.watch(request, until_s, {"hasleader": "true", **sent})
        old_at = self._clock.seconds() + until_s
        try:
            await self._begun(changes)
            session.answered(member)
            while self._open:
                self._take(await anext(changes))
        except StopAsyncIteration:
            raise Unavailable("the member ended the watch") from None
        except DeadlineExceeded:
            if self._clock.seconds() < old_at:
                raise
        finally:
            changes.cancel()

    async def _begun(self, changes: Changes) -> None:
        """
        Take the first answer, by which a member that is there acknowledges at once.
        """
        limit_s = self._session.timeout_s
        first = as_coroutine(anext(changes))
        try:
            self._take(await with_deadline(first, self._timers, self._clock.seconds() + limit_s))
        except DeadlineExceeded:
            raise Unavailable(f"no answer to a watch within {limit_s:g} s") from None

    def _take(self, response: Any) -> None:
        if response.canceled:
            # Compacted, or no permission any more. The next read says which.
            reason = response.cancel_reason or "the watch was cancelled"
            raise CallError(reason, status=Status.OUT_OF_RANGE)
        for event in response.events:
            self._tell(None if event.type == EVENT_DELETE else event.kv.value)
