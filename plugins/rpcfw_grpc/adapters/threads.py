"""
Streams between a servicer, or a caller, in a thread and the reactor.

Theory of operation. Whoever is in the thread asks the reactor for something and waits
for the answer: the next message of the caller, or leave to go on after a message of
its own. So at most one message is between the two, and a slow caller slows the thread
down. When the call is over every answer is a refusal, so no thread waits for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import Any

from rpcfw.errors import Cancelled
from rpcfw.spi.clock import Threads
from rpcfw.spi.waiting import Waiter, spawn

__all__ = ["Handover", "ThreadMessages"]


class ThreadMessages(Iterator[Any]):
    """
    The caller's messages, for a thread to iterate over.

    Args:
        messages: as they come in the reactor.
        threads: the way there.
    """

    def __init__(self, messages: AsyncIterator[Any], threads: Threads) -> None:
        self._messages = messages
        self._threads = threads
        self._answers: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

    def __next__(self) -> Any:
        self._threads.post(self._ask)
        message, error = self._answers.get()
        if isinstance(error, StopAsyncIteration):
            raise StopIteration
        if error is not None:
            raise error
        return message

    def _ask(self) -> None:
        asking = spawn(self._next())
        asking.addErrback(lambda failure: self._answers.put((None, failure.value)))

    async def _next(self) -> None:
        try:
            message = await self._messages.__anext__()
        except StopAsyncIteration as error:
            self._answers.put((None, error))
        else:
            self._answers.put((message, None))


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
        error: BaseException | None = None
        try:
            for message in make():
                self._threads.post(self._arrive, message, None)
                if not self._leave.get():
                    return
        except BaseException as caught:  # noqa: BLE001  # told to the reactor
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
        Whoever iterates takes no more.
        """
        self.close()

    def close(self) -> None:
        """
        The call is over: the thread stops at its next message.
        """
        self._closed = True
        if self._owed or self._arrived:
            self._leave.put(False)
