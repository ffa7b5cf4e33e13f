"""
The rules of a registry server, as a service of its own beside the instances.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from rpcfw.errors import CallError, Overloaded, RegistryError, Rejected, Unavailable
from rpcfw.spi.rules import ignore
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.records import MAX_HISTORY_BYTES, MAX_RECORD_BYTES
from rpcfw_registries.rules.store import Stored
from rpcfw_registries.standalone.messages import Name, RecordsOfRules
from rpcfw_registries.standalone.node.caller import Caller, current_caller
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.records import NodeRecords

__all__ = ["RuleNode"]

_KINDS = ("application", "service")


class RuleNode(Service, name="rpcfw.registry.v1.Rules"):
    """
    Read, replace and watch the records of a scope.

    Args:
        records: they.
        max_watches: of all processes.
        guard: says who may do what.
        joining: tells whether other servers of the group may know more: this one has just started.
    """

    def __init__(
        self,
        records: NodeRecords,
        max_watches: int,
        guard: Guard,
        joining: Callable[[], bool] = lambda: False,
    ) -> None:
        self._records = records
        self._joining = joining
        self._guard = guard
        self._max_watches = max_watches
        self._events: set[Event] = set()
        self._leaving = False

    async def started(self) -> None:
        await self._records.load()

    async def leaving(self) -> None:
        """
        End every watch: consumers go to another server, and nothing delays the stop.
        """
        self._leaving = True
        for event in tuple(self._events):
            event.set()

    @method(idempotent=True)
    async def read(self, kind: Name, name: Name) -> RecordsOfRules:
        """
        Return the records of a scope.
        """
        scope = _scope(kind, name)
        self._guard.check(current_caller(), Action.WATCH, scope)
        self._check_joined()
        return _sent(await self._read(scope), with_history=True)

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
        scope, caller, guard = _scope(kind, name), current_caller(), self._guard
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

    @method(idempotent=True, timeout="1h")
    async def watch(self, kind: Name, name: Name) -> AsyncIterator[RecordsOfRules]:
        """
        Send the documents, and send them again after each change.
        """
        scope, caller = _scope(kind, name), current_caller()
        self._guard.check(caller, Action.WATCH, scope)
        event = self._acquire(caller)
        sent: str | None = None
        watch = self._records.watch(scope, lambda _: event.set(), ignore)
        try:
            while not self._leaving:
                event.clear()
                stored = await self._read(scope)
                if stored.stamp != sent and not self._unknown(stored):
                    # The rules of access may be others by now.
                    self._guard.check(caller, Action.WATCH, scope)
                    sent = stored.stamp
                    yield _sent(stored)
                await event.wait()
        finally:
            watch.close()
            self._events.discard(event)
            self._guard.clients.remove_watch(caller)

    def _unknown(self, stored: Stored) -> bool:
        """
        Tell whether there may be rules, though nothing is stored here.
        """
        return stored.documents is None and self._joining()

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

    def _acquire(self, caller: Caller) -> Event:
        if self._leaving:
            raise Rejected("this node is stopping")
        if len(self._events) >= self._max_watches:
            raise Overloaded(f"this server has its limit of max_watches = {self._max_watches}")
        self._guard.clients.add_watch(caller)
        event = Event()
        self._events.add(event)
        return event

    async def _read(self, scope: Scope) -> Stored:
        try:
            return await self._records.read(scope)
        except RegistryError as error:
            raise Unavailable(str(error)) from error


def _scope(kind: str, name: str) -> Scope:
    if kind not in _KINDS:
        raise CallError(
            f"{kind!r} has no rules; known: {', '.join(_KINDS)}", status=Status.INVALID_ARGUMENT
        )
    return Scope(kind, name)


def _sent(stored: Stored, *, with_history: bool = False) -> RecordsOfRules:
    history = stored.history if with_history else b""
    return RecordsOfRules(stored.documents, history, stored.stamp)
