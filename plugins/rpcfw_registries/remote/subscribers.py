"""
Who listens to one service, and what they were told last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import define
from twisted.logger import Logger

from rpcfw.spi.registry import Listener, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["Audience"]

_log = Logger()


@define(eq=False)
class _Seat(Watch):
    listener: Listener
    left: Callable[[], None]
    closed: bool = False

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.left()


class Audience:
    """
    The listeners to one service.

    Args:
        emptied: is called, a moment later, when the last of them has left.
    """

    def __init__(self, service: str, clock: Clock, emptied: Callable[[], None]) -> None:
        self._service = service
        self._clock = clock
        self._emptied = emptied
        self._seats: list[_Seat] = []
        self._told: dict[str, Instance] | None = None
        self._snapshot: Snapshot | None = None

    def __bool__(self) -> bool:
        return bool(self._seats)

    def join(self, listener: Listener) -> Watch:
        """
        Tell ``listener`` too; if there is anything to tell, at once.
        """
        seat = _Seat(listener, self._left)
        self._seats.append(seat)
        if self._snapshot is not None:
            self._clock.callLater(0, self._tell, seat)
        return seat

    def tell(self, instances: Iterable[Instance]) -> None:
        """
        Tell all of them the list, if it is another than before.
        """
        now = {instance.id: instance for instance in instances}
        if now != self._told:
            self._told = now
            self._snapshot = Snapshot(self._service, tuple(now.values()))
            for seat in tuple(self._seats):
                self._tell(seat)

    def forget(self) -> None:
        """
        Know nothing to tell until the next `tell`.
        """
        self._told = self._snapshot = None

    def close(self) -> None:
        """
        Tell nobody anything any more.
        """
        for seat in self._seats:
            seat.closed = True
        self._seats = []

    def _left(self) -> None:
        self._seats = [seat for seat in self._seats if not seat.closed]
        if not self._seats:
            # The one who leaves may be in the midst of being told.
            self._clock.callLater(0, self._check)

    def _check(self) -> None:
        if not self._seats:
            self._emptied()

    def _tell(self, seat: _Seat) -> None:
        if seat.closed or self._snapshot is None:
            return
        try:
            seat.listener(self._snapshot)
        except Exception:  # noqa: BLE001 - it is somebody else's code
            _log.failure("a listener to {service} failed", service=self._service)
