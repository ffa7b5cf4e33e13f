"""
The watches of one service, and the last list that their listeners got.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define

from rpcfw.spi.registry import Listener, OnRefused, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.instance import Instance, Snapshot
from rpcfw_registries.remote.listeners import Listeners

__all__ = ["Subscribers"]


@define(eq=False)
class _Watch(Watch):
    subscribers: Subscribers
    remove: Callable[[], None]

    @property
    def trouble(self) -> str:
        return self.subscribers.trouble

    def close(self) -> None:
        self.remove()


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
        self._unreachable = unreachable
        self._listeners: Listeners[Snapshot] = Listeners(service, clock, emptied)
        self._last_list: dict[str, Instance] | None = None
        #: Why the service cannot be watched, for good or not.
        self._reason = ""

    def __bool__(self) -> bool:
        return bool(self._listeners)

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
        return self._listeners.value is not None

    def add(self, listener: Listener, on_refused: OnRefused) -> Watch:
        """
        Add a listener. If a list or a refusal is known, it is called soon.
        """
        return _Watch(self, self._listeners.add(listener, on_refused))

    def notify(self, instances: Iterable[Instance]) -> None:
        """
        Call all listeners with the list, if it has changed.
        """
        now = {instance.id: instance for instance in instances}
        if now != self._last_list:
            self._last_list = now
            self._listeners.notify(Snapshot(self._service, tuple(now.values())))

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Learn that the service cannot be watched now.

        Args:
            refused: it stays so until a person changes something.
        """
        self._reason = reason
        if refused:
            self._listeners.refuse(reason)
        else:
            self._listeners.refusal = None

    def succeed(self) -> None:
        """
        Learn that the service is watched.
        """
        self._reason = ""
        self._listeners.refusal = None

    def forget(self) -> None:
        """
        Forget the list until the next `notify`.
        """
        self._last_list = self._listeners.value = None
        self.succeed()

    def close(self) -> None:
        """
        Call no listener any more.
        """
        self._listeners.close()
