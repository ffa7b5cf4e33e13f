"""
The rules of one service or application that are watched at a registry server.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.rule import Scope
from rpcfw_registries.remote.listeners import Listeners
from rpcfw_registries.rules.store import RecordListener
from rpcfw_registries.standalone.updates import RulesUpdate, WantedRules

__all__ = ["WatchedRules"]

_MAX_REASON_CHARS = 300


@frozen(eq=False)
class _Watch(RuleWatch):
    remove: Callable[[], None]

    def close(self) -> None:
        self.remove()


class WatchedRules:
    """
    All watches of the rules of one scope.

    Args:
        emptied: called when the last of them was closed.
    """

    def __init__(self, scope: Scope, emptied: Callable[[], None], clock: Clock) -> None:
        self._scope = scope
        #: They have what a server has sent last.
        self._listeners: Listeners[RulesUpdate] = Listeners(f"the rules of {scope}", clock, emptied)
        #: A server was asked, and has not answered yet.
        self.is_asked = False

    def add(self, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        """
        Add a listener. If rules or a refusal are known, it is called soon.
        """
        return _Watch(self._listeners.add(lambda update: listener(update.documents), on_refused))

    def wanted(self) -> WantedRules:
        """
        Return what to ask a server for.
        """
        self.is_asked = True
        scope, last = self._scope, self._listeners.value
        if last is None or self._listeners.refusal is not None:
            # A server sends nothing to who has its record, so nobody would learn that the rules
            # are refused no more.
            return WantedRules(scope.kind, scope.name)
        return WantedRules(scope.kind, scope.name, last.stamp)

    def take(self, update: RulesUpdate) -> bool:
        """
        Take an update, and return True: each can be used.
        """
        self.is_asked = False
        self._listeners.refusal = None
        self._listeners.notify(update)
        return True

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Learn that a server does not send them.

        Args:
            refused: it stays so until a person changes something. The listeners are
                called with the reason, once.
        """
        if refused:
            self._listeners.refuse(reason[:_MAX_REASON_CHARS])

    def close(self) -> None:
        """
        Call no listener any more.
        """
        self._listeners.close()
