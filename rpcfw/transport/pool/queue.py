"""
Calls that wait until a connection takes them, in the order in which they came.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from typing import Any, Generic, TypeVar

from rpcfw.errors import CallError, ConnectionLost, Overloaded
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver

__all__ = ["CallQueue", "PendingCall", "Waiting"]

T = TypeVar("T")


class PendingCall(ABC, Generic[T]):
    """
    What it takes to begin a call, on whatever connection takes it.
    """

    @abstractmethod
    def begin(self, driver: Driver) -> T:
        """
        Begin the call, and return what its answer is awaited on.

        Raises:
            Overloaded: this connection takes no more. Nothing was done.
        """

    @abstractmethod
    def give_up(self, begun: T) -> None:
        """
        Give up what was begun: nobody awaits it any more.
        """


class Waiting(Waiter[None], Generic[T]):
    """
    One call's place in a queue. Giving up the wait gives up the place.

    What was begun is asked of it, and not the result of the wait: it may be a Deferred
    itself, which Twisted would chain instead of handing it on.

    Args:
        queue: it.
        beginning: what is done when it is this call's turn.
    """

    def __init__(self, queue: CallQueue, beginning: PendingCall[T]) -> None:
        super().__init__()
        self._queue = queue
        self._beginning = beginning
        self._begun: list[T] = []

    def begin(self, driver: Driver) -> None:
        """
        Begin the call. Who waits is told by `tell`.

        Raises:
            Overloaded: see `Beginning.begin`.
        """
        self._begun.append(self._beginning.begin(driver))

    async def turn(self) -> T:
        """
        Return what the call's answer is awaited on, once it was begun.
        """
        await self
        return self._begun[0]

    def tell(self) -> None:
        """
        Let who waits go on with the call that was begun.
        """
        self.callback(None)

    def cancel(self) -> None:
        if not self._begun:
            self._queue.leave(self)
        elif self.called:
            # Beside asyncio who waits goes on a turn later, and may be cancelled before.
            self._beginning.give_up(self._begun[0])
        super().cancel()


class CallQueue:
    """
    First come, first served.
    """

    def __init__(self) -> None:
        self._places: deque[Waiting[Any]] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def join(self, beginning: PendingCall[T]) -> Waiting[T]:
        """
        Return a place at the end; it has the begun call once it is its turn.
        """
        place = Waiting(self, beginning)
        self._places.append(place)
        return place

    def leave(self, place: Waiting[Any]) -> None:
        """
        Take back a place; harmless if it is gone.
        """
        if place in self._places:
            self._places.remove(place)

    def serve(self, driver: Driver) -> bool:
        """
        Begin calls on a connection until it takes no more.

        Returns:
            Whether it would take another one.
        """
        while self._places:
            place = self._places[0]
            try:
                place.begin(driver)
            except (Overloaded, ConnectionLost):
                # Of a connection that is lost the links hear in this very turn.
                return False
            except Exception as error:  # noqa: BLE001  # told to the one whose call it is
                self._places.popleft()
                place.errback(error)
                continue
            self._places.popleft()
            place.tell()
        return True

    def refuse(self, error: CallError) -> None:
        """
        Let all that wait now fail.
        """
        places, self._places = self._places, deque()
        for place in places:
            if not place.called:
                place.errback(error)
