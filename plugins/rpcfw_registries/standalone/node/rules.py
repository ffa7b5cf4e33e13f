"""
The rules of a registry server, as a service of its own beside the instances.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.errors import CallError, RegistryError, Unavailable
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.values.rule import SCOPE_KINDS, Scope
from rpcfw_registries.rules.records import MAX_HISTORY_BYTES, MAX_RECORD_BYTES
from rpcfw_registries.standalone.messages import Name, RecordsOfRules
from rpcfw_registries.standalone.node.caller import current_caller
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.records import NodeRecords

__all__ = ["RuleNode", "scope_of"]


class RuleNode(Service, name="rpcfw.registry.v1.Rules"):
    """
    Read and replace the records of a scope. They are watched beside the instances, see `Watches`.

    Args:
        records: they.
        guard: says who may do what.
        joining: tells whether other servers of the group may know more: this one has just started.
    """

    def __init__(
        self,
        records: NodeRecords,
        guard: Guard,
        joining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._records = records
        self._joining = joining
        self._guard = guard

    async def started(self) -> None:
        await self._records.load()

    @method(idempotent=True)
    async def read(self, kind: Name, name: Name) -> RecordsOfRules:
        """
        Return the records of a scope.
        """
        scope = scope_of(kind, name)
        self._guard.check(current_caller(), Action.WATCH, scope)
        self._check_joined()
        try:
            stored = await self._records.read(scope)
        except RegistryError as error:
            raise Unavailable(str(error)) from error
        return RecordsOfRules(stored.documents, stored.history, stored.stamp)

    @method
    async def write(
        self, kind: Name, name: Name, documents: bytes, history: bytes, stamp: str
    ) -> bool:
        """
        Replace both records if their stamp is still the same, and return whether it was.
        """
        if len(documents) > MAX_RECORD_BYTES or len(history) > MAX_HISTORY_BYTES:
            raise CallError(
                f"at most {MAX_RECORD_BYTES} bytes of rules and {MAX_HISTORY_BYTES} bytes of "
                "history are stored",
                status=Status.INVALID_ARGUMENT,
            )
        scope, caller, guard = scope_of(kind, name), current_caller(), self._guard
        guard.check(caller, Action.CHANGE_RULES, scope)
        self._check_joined()
        guard.clients.check_changes(caller)
        try:
            written = await self._records.write(scope, documents, history, stamp)
        except RegistryError as error:
            raise Unavailable(str(error)) from error
        if written:
            guard.clients.count_change(caller)
            guard.note(caller, Action.CHANGE_RULES.value, {kind: name, "bytes": len(documents)})
        return written

    def _check_joined(self) -> None:
        """
        See that a change would be based on what the group has.

        Raises:
            Unavailable: this server may not have it yet. Others do.
        """
        if self._joining():
            raise Unavailable(
                "this registry server has just started, and may not have the rules of its group "
                "yet; try again in some seconds"
            )


def scope_of(kind: str, name: str) -> Scope:
    """
    Return the scope that a request is about.

    Raises:
        CallError: there are no rules of this kind.
    """
    if kind not in SCOPE_KINDS:
        raise CallError(
            f"{kind!r} has no rules; known: {', '.join(SCOPE_KINDS)}",
            status=Status.INVALID_ARGUMENT,
        )
    return Scope(kind, name)
