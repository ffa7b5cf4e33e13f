"""
The watches of one service, and the last list that their listeners got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define
from twisted.logger import Logger

from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["Subscribers"]

_log = Logger()


@define(eq=False)
class _Subscription(Watch):
    subscribers: Subscribers
    listener: Listener
    on_refused: OnRefused
    closed: bool = False

    @property
    def trouble(self) -> str:
        return self.subscribers.trouble

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.subscribers.remove_closed()


class Subscribers:
    """
    The watches of one service.

    Args:
        emptied: called, a moment later, when the last of them was closed.
        unreachable: returns why no server is reached; empty while one is.
    """

    def __init__(
        self,
        service: str,
        clock: Clock,
        emptied: Callable[[], None],
        unreachable: Callable[[], str],
    ) -> None:
        self._service = service
        self._clock = clock
        self._emptied = emptied
        self._unreachable = unreachable
        self._subscriptions: list[_Subscription] = []
        self._last_list: dict[str, Instance] | None = None
        self._snapshot: Snapshot | None = None
        #: Why the service cannot be watched, and whether that is for good.
        self._reason = ""
        self._refused = False

    def __bool__(self) -> bool:
        return bool(self._subscriptions)

    @property
    def trouble(self) -> str:
        """
        Why the list is not available now; empty if it is.
        """
        return self._unreachable() or self._reason

    @property
    def is_known(self) -> bool:
        """
        Whether there is a list for the next listener.
        """
        return self._snapshot is not None

    def add(self, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        Add a listener. If there is a list, it is called soon.
        """
        subscription = _Subscription(self, listener, on_refused)
        self._subscriptions.append(subscription)
        if self._snapshot is not None:
            self._clock.callLater(0, self._notify, subscription)
        elif self._refused:
            self._clock.callLater(0, self._notify_refused, subscription)
        return subscription

    def notify(self, instances: Iterable[Instance]) -> None:
        """
        Call all listeners with the list, if it has changed.
        """
        now = {instance.id: instance for instance in instances}
        if now != self._last_list:
            self._last_list = now
            self._snapshot = Snapshot(self._service, tuple(now.values()))
            for subscription in tuple(self._subscriptions):
                self._notify(subscription)

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Learn that the service cannot be watched now.

        Args:
            refused: it stays so until a person changes something.
        """
        is_news = refused and (reason, True) != (self._reason, self._refused)
        self._reason, self._refused = reason, refused
        if is_news:
            for subscription in self._subscriptions:
                # Later: the one who subscribes may not have the watch in hand yet.
                self._clock.callLater(0, self._notify_refused, subscription)

    def succeed(self) -> None:
        """
        Learn that the service is watched.
        """
        self._reason, self._refused = "", False

    def forget(self) -> None:
        """
        Forget the list until the next `notify`.
        """
        self._last_list = self._snapshot = None
        self.succeed()

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

    def _notify(self, subscription: _Subscription) -> None:
        if subscription.closed or self._snapshot is None:
            return
        try:
            subscription.listener(self._snapshot)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to {service} failed", service=self._service)

    def _notify_refused(self, subscription: _Subscription) -> None:
        if subscription.closed or not self._refused:
            return
        try:
            subscription.on_refused(self._reason)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to {service} failed", service=self._service)
