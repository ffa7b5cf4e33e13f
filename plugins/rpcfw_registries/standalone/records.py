"""
Records of rules at a registry server.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import CallError, DeadlineExceeded, RegistryError, Unavailable
from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.waiting import sleep, with_deadline
from rpcfw.spi.service_class import offered
from rpcfw.spi.stream import Stream
from rpcfw.status import Hint, Status
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.record_watch import RecordWatch
from rpcfw_registries.rules.store import RecordListener, RecordStore, Stored
from rpcfw_registries.standalone.messages import RecordsOfRules
from rpcfw_registries.standalone.node.rules import RuleNode
from rpcfw_registries.standalone.session import CALL_S, FINAL, Session

__all__ = ["StandaloneRecords"]

_METHODS = {one.attribute: one.method for one in offered(RuleNode)}

#: How long one stream lasts; half of it is random, so that a fleet does not come back at once.
_STREAM_S = 3600.0
#: The wait after a refusal, and before a server without rules is asked again.
_REFUSED_S = 2.0
_NO_RULES_S = 30.0


class StandaloneRecords(RecordStore):
    """
    Uses the connection of a registry.
    """

    def __init__(self, session: Session, plugin_context: PluginContext) -> None:
        self._session = session
        self._plugin_context = plugin_context

    @property
    def trouble(self) -> str:
        return self._session.trouble

    async def read(self, scope: Scope) -> Stored:
        kept: RecordsOfRules = await self._ask(_METHODS["read"], scope)
        return Stored(kept.documents, kept.history, kept.stamp)

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        fields = {"documents": documents, "history": history, "stamp": stamp}
        return bool(await self._ask(_METHODS["write"], scope, **fields))

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        return _StreamWatch(self._session, scope, listener, on_refused, self._plugin_context)

    async def _ask(self, method: Method, scope: Scope, **fields: Any) -> Any:
        """
        Ask the server in use, and others if it is unreachable and the request may be made again.
        """
        failed: CallError | None = None
        for _ in range(self._session.servers):
            try:
                return await self._session.call(method, kind=scope.kind, name=scope.name, **fields)
            except CallError as error:
                failed = error
                if error.status in FINAL:
                    break
                if not (method.idempotent or error.hints & Hint.NEVER_SENT):
                    raise RegistryError(
                        f"the registry server has not answered, and may have done it: {failed}"
                    ) from failed
        raise RegistryError(f"the registry server has not done it: {failed}") from failed


class _StreamWatch(RecordWatch):
    """
    One watch: a stream, opened again whenever it ends.
    """

    def __init__(
        self,
        session: Session,
        scope: Scope,
        listener: RecordListener,
        on_refused: OnRefused,
        plugin_context: PluginContext,
    ) -> None:
        super().__init__(f"the rules of {scope}", listener, on_refused, plugin_context)
        self._session = session
        self._scope = scope
        self._timers = plugin_context.timers

    async def _follow(self) -> None:
        channel = await self._session.open()
        try:
            await self._read(channel)
        except CallError as error:
            await self._failed(channel, error)

    async def _failed(self, channel: Channel, error: CallError) -> None:
        if error.status is Status.UNIMPLEMENTED:
            # It still serves instances: no reason to leave it.
            self._refuse("the registry server keeps no rules; update it")
            await sleep(self._clock, _NO_RULES_S)
        elif not self._session.failed(channel, error):
            if error.status in FINAL:
                self._refuse(f"the rules of {self._scope} cannot be watched: {error}")
            await sleep(self._clock, _REFUSED_S)

    async def _read(self, channel: Channel) -> None:
        """
        Read one stream to its end.

        Raises:
            CallError: it ended for another reason than its age.
        """
        lasts_s = _STREAM_S * (0.5 + 0.5 * self._random.random())
        method = _METHODS["watch"]
        request = method.request_type(kind=self._scope.kind, name=self._scope.name)
        async with channel.stream(method, request, CallOptions(lasts_s)) as stream:
            self._tell((await self._first(stream)).documents)
            self._session.answered(channel)
            try:
                while self._open:
                    self._tell((await anext(stream)).documents)
            except DeadlineExceeded:
                return
            except StopAsyncIteration:
                raise Unavailable("the node ended the watch") from None

    async def _first(self, stream: Stream) -> RecordsOfRules:
        """
        Return the first record, which a node that is there sends at once.
        """
        deadline = self._timers.seconds() + CALL_S
        try:
            first: RecordsOfRules = await with_deadline(stream.__anext__(), self._timers, deadline)
        except StopAsyncIteration:
            raise Unavailable("the node ended the watch at once") from None
        except DeadlineExceeded:
            raise DeadlineExceeded(f"no answer to a watch within {CALL_S:g}s") from None
        return first
