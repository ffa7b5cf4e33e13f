"""
Calls that wait until a connection takes them, in the order in which they came.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any, Generic, TypeVar

from rpcfw.errors import CallError, ConnectionLost, Overloaded
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver
from rpcfw.values.copied_error import copied_error

__all__ = ["CallQueue", "PendingCall", "Waiting"]

T = TypeVar("T")


class PendingCall(ABC, Generic[T]):
    """
    A call that can be begun on whatever connection takes it.
    """

    #: How long it has waited for a connection; for capacity on one it may wait besides.
    connect_s = 0.0

    @abstractmethod
    def begin(self, driver: Driver) -> T:
        """
        Begin the call, and return what its answer is awaited on.

        Raises:
            Overloaded: this connection takes no more calls. Nothing was done.
        """

    @abstractmethod
    def give_up(self, begun: T) -> None:
        """
        Give up what was begun: nobody awaits it any more.
        """


class Waiting(Waiter[None], Generic[T]):
    """
    One call in a queue. Cancelling it takes the call out of the queue.

    The result of the wait is not what was begun, but None: what was begun may be a Deferred
    itself, and Twisted would chain it instead of returning it.

    Args:
        queue: the queue.
        pending: the call.
    """

    def __init__(self, queue: CallQueue, pending: PendingCall[T]) -> None:
        super().__init__()
        self._queue = queue
        self._pending = pending
        self._begun: list[T] = []

    def begin(self, driver: Driver) -> None:
        """
        Begin the call. `resume` follows.

        Raises:
            Overloaded: see `PendingCall.begin`.
        """
        self._begun.append(self._pending.begin(driver))

    async def turn(self) -> T:
        """
        Return what the call's answer is awaited on, once it was begun.
        """
        await self
        return self._begun[0]

    def resume(self) -> None:
        """
        Resume the caller, whose call was begun.
        """
        self.callback(None)

    def cancel(self) -> None:
        if not self._begun:
            self._queue.leave(self)
        elif self.called:
            # Beside asyncio the caller resumes a turn later, and may be cancelled before.
            self._pending.give_up(self._begun[0])
        super().cancel()


class CallQueue:
    """
    First come, first served.
    """

    def __init__(self) -> None:
        # Not a deque: thousands may wait, and give up in any order.
        self._calls: OrderedDict[Waiting[Any], None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._calls)

    def join(self, pending: PendingCall[T]) -> Waiting[T]:
        """
        Put a call at the end of the queue, and return what its caller awaits.
        """
        waiting = Waiting(self, pending)
        self._calls[waiting] = None
        return waiting

    def leave(self, waiting: Waiting[Any]) -> None:
        """
        Take a call out; harmless if it is not in the queue any more.
        """
        self._calls.pop(waiting, None)

    def serve(self, driver: Driver) -> bool:
        """
        Begin calls on a connection until it takes no more.

        Returns:
            Whether it would take another one.
        """
        while self._calls:
            waiting = next(iter(self._calls))
            try:
                waiting.begin(driver)
            except (Overloaded, ConnectionLost):
                # The links notice a lost connection in this same turn.
                return False
            except Exception as error:  # noqa: BLE001  # raised where that call is awaited
                self.leave(waiting)
                waiting.errback(error)
                continue
            self.leave(waiting)
            waiting.resume()
        return True

    def refuse(self, error: CallError) -> None:
        """
        Let all calls that wait now fail, each with a copy.
        """
        calls, self._calls = self._calls, OrderedDict()
        for waiting in calls:
            if not waiting.called:
                waiting.errback(copied_error(error))
