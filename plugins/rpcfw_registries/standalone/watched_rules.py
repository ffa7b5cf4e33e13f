"""
The rules of one service or application that are watched at a registry server.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define
from twisted.logger import Logger

from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.store import RecordListener
from rpcfw_registries.standalone.updates import RulesUpdate, WantedRules

__all__ = ["WatchedRules"]

_log = Logger()
_MAX_REASON_CHARS = 300


@define(eq=False)
class _Subscription(RuleWatch):
    watched: WatchedRules
    listener: RecordListener
    on_refused: OnRefused
    closed: bool = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.watched.remove_closed()


class WatchedRules:
    """
    All watches of the rules of one scope.

    Args:
        emptied: called when the last of them was closed.
    """

    def __init__(self, scope: Scope, emptied: Callable[[], None], clock: Clock) -> None:
        self._scope = scope
        self._emptied = emptied
        self._clock = clock
        self._subscriptions: list[_Subscription] = []
        #: What a server has sent last; None: nothing yet.
        self._last: RulesUpdate | None = None
        #: Why they are refused; empty if they are not.
        self._reason = ""
        #: A server was asked, and has not answered yet.
        self.is_asked = False

    def add(self, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        """
        Add a listener. If rules or a refusal are known, it is called soon.
        """
        subscription = _Subscription(self, listener, on_refused)
        self._subscriptions.append(subscription)
        if self._last is not None:
            self._clock.callLater(0, self._notify, subscription, self._last)
        if self._reason:
            self._clock.callLater(0, self._notify_refused, subscription)
        return subscription

    def wanted(self) -> WantedRules:
        """
        Return what to ask a server for.
        """
        self.is_asked = True
        scope, last = self._scope, self._last
        return WantedRules(scope.kind, scope.name, None if last is None else last.stamp)

    def take(self, update: RulesUpdate) -> bool:
        """
        Take an update, and return True: each can be used.
        """
        self.is_asked = False
        self._last, self._reason = update, ""
        for subscription in tuple(self._subscriptions):
            self._notify(subscription, update)
        return True

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Learn that a server does not send them.

        Args:
            refused: it stays so until a person changes something. The listeners are
                called with the reason, once.
        """
        reason = reason[:_MAX_REASON_CHARS]
        if refused and reason != self._reason:
            self._reason = reason
            for subscription in tuple(self._subscriptions):
                self._clock.callLater(0, self._notify_refused, subscription)

    def close(self) -> None:
        """
        Call no listener any more.
        """
        for subscription in self._subscriptions:
            subscription.closed = True
        self._subscriptions = []

    def remove_closed(self) -> None:
        """
        Forget the watches that were closed.
        """
        self._subscriptions = [each for each in self._subscriptions if not each.closed]
        if not self._subscriptions:
            # It may be closed by its listener, while listeners are called.
            self._clock.callLater(0, self._check)

    def _check(self) -> None:
        if not self._subscriptions:
            self._emptied()

    def _notify(self, subscription: _Subscription, update: RulesUpdate) -> None:
        if subscription.closed:
            return
        try:
            subscription.listener(update.documents)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to the rules of {scope} failed", scope=str(self._scope))

    def _notify_refused(self, subscription: _Subscription) -> None:
        if subscription.closed or not self._reason:
            return
        try:
            subscription.on_refused(self._reason)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to the rules of {scope} failed", scope=str(self._scope))
