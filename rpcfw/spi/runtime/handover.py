"""
Messages that a thread makes and the reactor iterates over.

Theory of operation. The thread makes a message, passes it to the reactor, and waits until that
message was sent before it makes the next. So at most one message is between the two, and a slow
peer slows the thread down. When the call is over, passing a message is refused, so no thread
waits forever. A thread that is inside the user's own iterator ends at its next message.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterable
from contextvars import copy_context
from queue import SimpleQueue
from typing import Any

from rpcfw.errors import Cancelled
from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.waiting import Waiter

__all__ = ["Handover", "iterated_in_a_thread"]


class Handover(AsyncIterator[Any]):
    """
    Messages that a thread makes, for the reactor to iterate over.

    Args:
        threads: the way to the reactor.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._leave: SimpleQueue[bool] = SimpleQueue()
        self._closed = False
        self._arrived: list[tuple[Any, BaseException | None]] = []
        self._waiter: Waiter[None] | None = None
        self._owed = False

    # In the thread.

    def run(self, make: Callable[[], Iterable[Any]]) -> None:
        """
        Hand over what ``make()`` yields, to its end or to that of the call.
        """
        if self._closed:
            return  # before it was this thread's turn
        error: BaseException | None = None
        try:
            for message in make():
                self._threads.post(self._arrive, message, None)
                if not self._leave.get():
                    return
        except BaseException as caught:  # noqa: BLE001  # raised in the reactor
            error = caught
        self._threads.post(self._arrive, None, error or StopAsyncIteration())

    # In the reactor.

    def _arrive(self, message: Any, error: BaseException | None) -> None:
        if self._closed:
            self._leave.put(False)
            return
        self._arrived.append((message, error))
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.called:
            waiter.callback(None)

    async def __anext__(self) -> Any:
        if self._owed:
            # The message before has left, so the thread may go on.
            self._owed = False
            self._leave.put(True)
        if not self._arrived:
            if self._closed:
                raise Cancelled("the call is over")
            self._waiter = Waiter()
            await self._waiter
        message, error = self._arrived.pop()
        if error is not None:
            raise error
        self._owed = True
        return message

    async def aclose(self) -> None:
        """
        The reactor takes no more messages.
        """
        self.close()

    def close(self) -> None:
        """
        The call is over: the thread stops at its next message.
        """
        self._closed = True
        if self._owed or self._arrived:
            self._leave.put(False)


class _Started(AsyncIterator[Any]):
    """
    Starts its thread when the first message is asked for.

    So a call that is never begun has no thread. The thread sees the context variables of the
    caller.
    """

    def __init__(self, messages: Iterable[Any], threads: Threads, name: str) -> None:
        self._handover = Handover(threads)
        self._thread: threading.Thread | None = threading.Thread(
            target=copy_context().run,
            args=(self._handover.run, lambda: messages),
            name=name,
            daemon=True,
        )

    async def __anext__(self) -> Any:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.start()
        return await self._handover.__anext__()

    async def aclose(self) -> None:
        """
        Take no more.
        """
        self._handover.close()


def iterated_in_a_thread(
    messages: Iterable[Any], threads: Threads, name: str
) -> AsyncIterator[Any]:
    """
    Return messages that may block, as the reactor may iterate over them.

    Args:
        messages: are iterated over in a thread of their own.
        threads: the way to the reactor.
        name: of the thread.
    """
    return _Started(messages, threads, name)
