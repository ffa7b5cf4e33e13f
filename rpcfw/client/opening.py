"""
A stream before it is open: opened by whatever is first done with it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from rpcfw.errors import Cancelled
from rpcfw.spi.filter import CallStep
from rpcfw.spi.stream import Stream
from rpcfw.spi.waiting import Waiter, spawn
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["OpeningStream"]


class OpeningStream(Stream):
    """
    Takes its call through the stack once it is used.

    The stack may be waited for by a reader and a writer at once, so it runs on its
    own and both wait for the one result.

    Args:
        call: it.
        stack: the call stack.
    """

    def __init__(self, call: Call, stack: CallStep) -> None:
        self._call = call
        self._stack = stack
        self._stream: Any = None
        self._opening: Deferred[Any] | None = None
        self._error: BaseException | None = None
        self._waiting: list[Waiter[None]] = []

    def __aiter__(self) -> OpeningStream:
        return self

    async def __anext__(self) -> Any:
        stream = self._stream if self._stream is not None else await self._open()
        return await stream.__anext__()

    async def send(self, message: Any) -> None:
        stream = self._stream if self._stream is not None else await self._open()
        await stream.send(message)

    async def end(self) -> None:
        stream = self._stream if self._stream is not None else await self._open()
        await stream.end()

    async def metadata(self) -> Metadata:
        stream = self._stream if self._stream is not None else await self._open()
        pairs: Metadata = await stream.metadata()
        return pairs

    @property
    def trailers(self) -> Metadata:
        return EMPTY if self._stream is None else self._stream.trailers

    def cancel(self) -> None:
        if self._stream is not None:
            self._stream.cancel()
        elif self._opening is not None:
            self._opening.cancel()
        elif self._error is None:
            self._error = Cancelled("the call was given up before it began")

    async def _open(self) -> Any:
        if self._stream is None and self._error is None:
            if self._opening is None:
                self._opening = spawn(self._stack(self._call))
                self._opening.addCallbacks(self._opened, self._failed)
            await self._wait()
        if self._error is not None:
            raise self._error
        return self._stream

    async def _wait(self) -> None:
        if self._stream is None and self._error is None:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            await waiter

    def _opened(self, stream: Any) -> None:
        self._stream = stream
        self._tell()

    def _failed(self, failure: Any) -> None:
        self._error = failure.value
        self._tell()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(None)
