"""
Who listens to one thing: to its last value, or to why it is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from attrs import define
from twisted.logger import Logger

from rpcfw.spi.runtime.clock import Clock

__all__ = ["Listeners"]

_log = Logger()

T = TypeVar("T")
V = TypeVar("V")


@define(eq=False)
class _Subscription(Generic[T]):
    listener: Callable[[T], None]
    on_refused: Callable[[str], None]
    closed: bool = False


class Listeners(Generic[T]):
    """
    The listeners to one thing. One that raises breaks its contract; the others are called.

    Args:
        what: they listen to, for the log.
        emptied: called, a moment later, when the last of them was removed.
    """

    def __init__(self, what: str, clock: Clock, emptied: Callable[[], None]) -> None:
        self._what = what
        self._clock = clock
        self._emptied = emptied
        self._subscriptions: list[_Subscription[T]] = []
        #: What they were called with last; None: nothing yet.
        self.value: T | None = None
        #: Why it is refused; None if it is not.
        self.refusal: str | None = None

    def __bool__(self) -> bool:
        return bool(self._subscriptions)

    def add(
        self, listener: Callable[[T], None], on_refused: Callable[[str], None]
    ) -> Callable[[], None]:
        """
        Add a listener, which is called soon with what is known; what is returned removes it.
        """
        subscription = _Subscription(listener, on_refused)
        self._subscriptions.append(subscription)
        if self.value is not None:
            self._clock.callLater(0, self._notify, subscription)
        if self.refusal is not None:
            self._clock.callLater(0, self._notify_refused, subscription)
        return lambda: self._remove(subscription)

    def notify(self, value: T) -> None:
        """
        Call all listeners with a value.
        """
        self.value = value
        for subscription in tuple(self._subscriptions):
            self._notify(subscription)

    def refuse(self, reason: str) -> None:
        """
        Notify all listeners why it is refused, once for each reason.
        """
        if reason == self.refusal:
            return
        self.refusal = reason
        for subscription in self._subscriptions:
            # Later: the one who subscribes may not have the watch in hand yet.
            self._clock.callLater(0, self._notify_refused, subscription)

    def close(self) -> None:
        """
        Call no listener any more.
        """
        for subscription in self._subscriptions:
            subscription.closed = True
        self._subscriptions = []

    def _remove(self, subscription: _Subscription[T]) -> None:
        if subscription.closed:
            return
        subscription.closed = True
        self._subscriptions.remove(subscription)
        if not self._subscriptions:
            # It may be removed by itself, while listeners are called.
            self._clock.callLater(0, self._check)

    def _check(self) -> None:
        if not self._subscriptions:
            self._emptied()

    def _notify(self, subscription: _Subscription[T]) -> None:
        if not subscription.closed and self.value is not None:
            self._call(subscription.listener, self.value)

    def _notify_refused(self, subscription: _Subscription[T]) -> None:
        if not subscription.closed and self.refusal is not None:
            self._call(subscription.on_refused, self.refusal)

    def _call(self, listener: Callable[[V], None], news: V) -> None:
        try:
            listener(news)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to {what} failed", what=self._what)
