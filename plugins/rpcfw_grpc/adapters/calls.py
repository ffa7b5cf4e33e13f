"""
Call objects like those of grpcio's asyncio API, on top of the calls of rpcfw.

A call with one response begins when it is made, not when it is awaited, and several
coroutines may await it. A stream begins when it is first used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from typing import Any

from rpcfw.errors import CallError, Cancelled
from rpcfw.spi.call_details import CallDetails
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.adapters.callbacks import run_callback
from rpcfw_grpc.adapters.grpcio_values import (
    aio_error,
    aio_metadata,
    code_of,
    details_of,
    trailers_of,
)

__all__ = ["AnswerCall", "StreamCall", "Written"]


class _Call:
    """
    The base of all calls.

    Args:
        clock: to compute the time until the deadline.
        timeout_s: the caller's limit, None for the configured one.
    """

    def __init__(self, clock: Clock, timeout_s: float | None) -> None:
        self._clock = clock
        self._deadline = None if timeout_s is None else clock.seconds() + timeout_s
        self._error: BaseException | None = None
        self._done = False
        self._cancelled = False
        self._over = Event()
        self._callbacks: list[Callable[[Any], Any]] = []

    def done(self) -> bool:
        return self._done

    def cancelled(self) -> bool:
        return self._cancelled

    def time_remaining(self) -> float | None:
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - self._clock.seconds())

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        if self._done:
            run_callback(callback, self)
        else:
            self._callbacks.append(callback)

    async def wait_for_connection(self) -> None:
        """
        Return at once: rpcfw manages the connections, and each call waits for one.
        """

    async def code(self) -> Any:
        await self._ended()
        return code_of(self._error)

    async def details(self) -> str:
        await self._ended()
        return details_of(self._error)

    def _finish(self, error: BaseException | None) -> None:
        if self._done:
            return
        self._done, self._error = True, error
        self._over.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            run_callback(callback, self)

    async def _ended(self) -> None:
        await self._over.wait()

    def _raise(self, began: Metadata, trailers: Metadata) -> None:
        if self._cancelled:
            raise asyncio.CancelledError
        if isinstance(self._error, CallError):
            raise aio_error(self._error, began, trailers) from self._error
        if self._error is not None:
            raise self._error


class AnswerCall(_Call):
    """
    A call with one response: awaiting it returns the response.

    Args:
        calling: makes the call, inside the block `details`.
        details: metadata and trailers of the response.
        written: for messages that the caller writes, if it streams and passed no iterator.
    """

    def __init__(
        self,
        calling: Coroutine[Any, Any, Any],
        details: CallDetails,
        clock: Clock,
        timeout_s: float | None,
        written: Written | None = None,
    ) -> None:
        super().__init__(clock, timeout_s)
        self._details = details
        self._written = written
        self._answer: Any = None
        self._running = spawn(calling)
        self._running.addCallbacks(self._answered, self._failed)

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._result().__await__()

    def cancel(self) -> bool:
        if self._done:
            return False
        self._cancelled = True
        self._finish(Cancelled("the call was given up"))
        self._running.cancel()
        return True

    async def initial_metadata(self) -> Any:
        """
        Return the metadata when the call has ended: the response comes in one piece.
        """
        await self._ended()
        return aio_metadata(self._details.metadata)

    async def trailing_metadata(self) -> Any:
        await self._ended()
        return aio_metadata(trailers_of(self._error, self._details.trailers))

    async def write(self, request: Any) -> None:
        await _of(self._written).write(request)

    async def done_writing(self) -> None:
        _of(self._written).end()

    async def _result(self) -> Any:
        try:
            await self._ended()
        except CANCELLED:
            self.cancel()
            raise
        self._raise(self._details.metadata, self._details.trailers)
        return self._answer

    def _answered(self, answer: Any) -> None:
        self._answer = answer
        self._end_writing()
        self._finish(None)

    def _failed(self, failure: Any) -> None:
        self._end_writing()
        self._finish(failure.value)

    def _end_writing(self) -> None:
        if self._written is not None:
            self._written.close()


class StreamCall(_Call):
    """
    A call with a stream of responses: for ``async for``, or with `read`.

    Args:
        stream: the stream of rpcfw.
        writes: whether the caller streams and passed no iterator of messages.
    """

    def __init__(
        self, stream: Stream, clock: Clock, timeout_s: float | None, *, writes: bool
    ) -> None:
        super().__init__(clock, timeout_s)
        self._stream = stream
        self._writes = writes
        self._began = EMPTY

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._answers()

    async def _answers(self) -> AsyncIterator[Any]:
        from grpc.aio import EOF

        while True:
            answer = await self.read()
            if answer is EOF:
                return
            yield answer

    async def read(self) -> Any:
        from grpc.aio import EOF

        if self._done:
            self._raise(self._began, self._stream.trailers)
            return EOF
        try:
            return await self._stream.__anext__()
        except StopAsyncIteration:
            self._finish(None)
            return EOF
        except CallError as error:
            await self._fail(error)
            self._raise(self._began, self._stream.trailers)
        except CANCELLED:
            self.cancel()
            raise

    async def write(self, request: Any) -> None:
        if not self._writes:
            raise TypeError("write() is for calls that stream and were given no messages")
        try:
            await self._stream.send(request)
        except CallError as error:
            await self._fail(error)
            self._raise(self._began, self._stream.trailers)

    async def done_writing(self) -> None:
        await self._stream.end()

    def cancel(self) -> bool:
        if self._done:
            return False
        self._cancelled = True
        self._finish(Cancelled("the call was given up"))
        self._stream.cancel()
        return True

    async def initial_metadata(self) -> Any:
        return aio_metadata(await self._beginning())

    async def trailing_metadata(self) -> Any:
        await self._ended()
        return aio_metadata(trailers_of(self._error, self._stream.trailers))

    async def _fail(self, error: CallError) -> None:
        self._began = await self._beginning()
        self._finish(error)

    async def _beginning(self) -> Metadata:
        """
        Return the metadata before the messages, also if the call failed before any.
        """
        try:
            return await self._stream.metadata()
        except CallError as error:
            return Metadata(error.metadata)


class Written(AsyncIterator[Any]):
    """
    The messages that a caller writes, as an iterator for rpcfw. A write waits for the one before.
    """

    def __init__(self) -> None:
        self._messages: list[Any] = []
        self._taken = Event()
        #: Set when there is a message, or the end.
        self._written = Event()
        self._ended = False

    async def write(self, message: Any) -> None:
        while self._messages and not self._ended:
            self._taken.clear()
            await self._taken.wait()
        if self._ended:
            raise asyncio.InvalidStateError("no more can be written to this call")
        self._messages.append(message)
        self._written.set()

    def end(self) -> None:
        self._ended = True
        self._written.set()

    def close(self) -> None:
        """
        End it: no more messages are read.
        """
        self.end()
        self._messages.clear()
        self._taken.set()

    async def __anext__(self) -> Any:
        while not self._messages and not self._ended:
            self._written.clear()
            await self._written.wait()
        if not self._messages:
            raise StopAsyncIteration
        message = self._messages.pop(0)
        self._taken.set()
        return message


def _of(written: Written | None) -> Written:
    if written is None:
        raise TypeError("write() is for calls that stream and were given no messages")
    return written
