"""
The caller's messages for a servicer in a thread; the other way is `rpcfw.spi.runtime.handover`.

Theory of operation. The thread asks the reactor for the next message and waits for it.
So at most one message is between the two. When the call is over every answer is a
refusal, so no thread waits for ever.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from queue import SimpleQueue
from typing import Any

from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["ThreadMessages"]


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
