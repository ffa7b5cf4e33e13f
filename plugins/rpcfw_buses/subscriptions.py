"""
Who listens on a bus. Every bus has one such list.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from rpcfw.spi.bus import OnConnected, OnMessage

__all__ = ["Subscriptions"]


class Subscriptions:
    """
    The listeners of one bus. One that raises breaks its contract; the others are called.
    """

    log = Logger()

    def __init__(self) -> None:
        self._by_subject: dict[str, list[OnMessage]] = {}
        self._on_connected: list[OnConnected] = []

    @property
    def subjects(self) -> list[str]:
        """
        The subjects that somebody listens to.
        """
        return list(self._by_subject)

    def add(self, subject: str, on_message: OnMessage) -> Callable[[], None]:
        """
        Add a listener; what is returned removes it.
        """
        listeners = self._by_subject.setdefault(subject, [])
        listeners.append(on_message)

        def close() -> None:
            if on_message in listeners:
                listeners.remove(on_message)
            if not listeners:
                self._by_subject.pop(subject, None)

        return close

    def watch(self, on_connected: OnConnected) -> Callable[[], None]:
        """
        Add a listener for the connection; what is returned removes it.
        """
        self._on_connected.append(on_connected)

        def close() -> None:
            if on_connected in self._on_connected:
                self._on_connected.remove(on_connected)

        return close

    def deliver(self, subject: str, message: bytes) -> None:
        """
        Call the listeners of a subject.
        """
        for listener in tuple(self._by_subject.get(subject, ())):
            try:
                listener(message)
            except Exception:  # noqa: BLE001 - it breaks its contract; the others go on
                self.log.failure("a listener of {subject} raised", subject=subject)

    def connected(self, connected: bool) -> None:
        """
        Tell whether the bus is connected.
        """
        for listener in tuple(self._on_connected):
            try:
                listener(connected)
            except Exception:  # noqa: BLE001 - it breaks its contract; the others go on
                self.log.failure("a listener for the bus's connection raised")
