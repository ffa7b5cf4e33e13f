"""
Records of rules at a registry server.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import CallError, RegistryError
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.service_class import offered
from rpcfw.status import Hint
from rpcfw.values.method import Method
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.store import RecordListener, RecordStore, Stored
from rpcfw_registries.standalone.messages import RecordsOfRules
from rpcfw_registries.standalone.node.rules import RuleNode
from rpcfw_registries.standalone.session import FINAL, Session
from rpcfw_registries.standalone.watch_stream import WatchStream

__all__ = ["StandaloneRecords"]

_METHODS = {one.attribute: one.method for one in offered(RuleNode)}


class StandaloneRecords(RecordStore):
    """
    Uses the connection of a registry, and its stream of watches.
    """

    def __init__(self, session: Session, watches: WatchStream) -> None:
        self._session = session
        self._watches = watches

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
        return self._watches.watch_rules(scope, listener, on_refused)

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
