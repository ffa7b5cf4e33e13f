"""
Calls through interceptors, as asyncio channels of grpcio have them.

An interceptor is a coroutine that is handed a way on; the whole chain of them runs on its
own, and ends in a call, or in what an interceptor returns in place of one. This file
imports grpcio, whose kinds of interceptors and details of calls these are.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio

from rpcfw.errors import ContractError
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw_grpc.adapters.callbacks import run_callback
from rpcfw_grpc.adapters.calls import AnswerCall, StreamCall, Written

__all__ = ["InterceptedCall", "by_kind", "chain"]

_KINDS = {
    "unary_unary": grpc.aio.UnaryUnaryClientInterceptor,
    "unary_stream": grpc.aio.UnaryStreamClientInterceptor,
    "stream_unary": grpc.aio.StreamUnaryClientInterceptor,
    "stream_stream": grpc.aio.StreamStreamClientInterceptor,
}
# Interceptors look whether they have a call in hand.
for _kind in (AnswerCall, StreamCall):
    grpc.aio.Call.register(_kind)


def by_kind(interceptors: Iterable[Any]) -> dict[str, list[Any]]:
    """
    Return the interceptors of each kind of method; one may be of several kinds.

    Raises:
        ContractError: one is of none.
    """
    interceptors = list(interceptors)
    for each in interceptors:
        if not isinstance(each, tuple(_KINDS.values())):
            names = ", ".join(kind.__name__ for kind in _KINDS.values())
            raise ContractError(f"the interceptor {each!r} is none of grpc.aio's: {names}")
    return {
        name: [each for each in interceptors if isinstance(each, kind)]
        for name, kind in _KINDS.items()
    }


async def chain(
    kind: str, interceptors: list[Any], last: Callable[[Any, Any], Any], details: Any, request: Any
) -> Any:
    """
    Run interceptors, the first outermost, and return what the first returns.

    Args:
        kind: of the method.
        last: makes the call of details and a request.
    """
    if not interceptors:
        return last(details, request)

    async def proceed(details: Any, request: Any) -> Any:
        return await chain(kind, interceptors[1:], last, details, request)

    intercept = getattr(interceptors[0], f"intercept_{kind}")
    return await intercept(proceed, details, request)


class InterceptedCall:
    """
    A call that interceptors make, or answer themselves.

    Args:
        running: ends in a call, an answer, or an iterator over answers.
        written: where messages are written, if the caller streams and gave none.
    """

    def __init__(self, running: Coroutine[Any, Any, Any], written: Written | None = None) -> None:
        self._written = written
        self._made: Any = None
        self._error: BaseException | None = None
        self._over = False
        self._settled = Event()
        self._callbacks: list[Callable[[Any], Any]] = []
        self._answers: AsyncIterator[Any] | None = None
        self._running = spawn(running)
        self._running.addCallbacks(self._succeeded, self._failed)

    # What it is made of.

    def _succeeded(self, made: Any) -> None:
        self._made = made
        self._settle()

    def _failed(self, failure: Any) -> None:
        self._error = failure.value
        self._settle()

    def _settle(self) -> None:
        self._over = True
        if self._written is not None:
            if self._call is None:
                self._written.close()
            else:
                written = self._written
                self._call.add_done_callback(lambda _: written.close())
        self._settled.set()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self.add_done_callback(callback)

    @property
    def _call(self) -> Any:
        """
        The call beneath; None if there is none, or not yet.
        """
        return self._made if isinstance(self._made, grpc.aio.Call) else None

    async def _result(self) -> Any:
        try:
            await self._settled.wait()
        except CANCELLED:
            self.cancel()
            raise
        if isinstance(self._error, CANCELLED):
            raise asyncio.CancelledError
        if self._error is not None:
            raise self._error
        return self._made

    # Answers.

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._answer().__await__()

    async def _answer(self) -> Any:
        made = await self._result()
        return made if self._call is None else await made

    def __aiter__(self) -> AsyncIterator[Any]:
        if self._answers is None:
            self._answers = self._each()
        return self._answers

    async def _each(self) -> AsyncIterator[Any]:
        async for answer in await self._result():
            yield answer

    async def read(self) -> Any:
        return await anext(aiter(self), grpc.aio.EOF)

    # Messages.

    async def write(self, request: Any) -> None:
        if self._written is None:
            raise TypeError("write() is for calls that stream and were given no messages")
        await self._result()
        await self._written.write(request)

    async def done_writing(self) -> None:
        if self._written is None:
            raise TypeError("done_writing() is for calls that stream and were given no messages")
        self._written.end()

    # How it goes.

    def cancel(self) -> bool:
        if not self._over:
            self._running.cancel()
            return True
        return False if self._call is None else bool(self._call.cancel())

    def cancelled(self) -> bool:
        if self._call is not None:
            return bool(self._call.cancelled())
        return isinstance(self._error, CANCELLED)

    def done(self) -> bool:
        return self._over and (self._call is None or bool(self._call.done()))

    def add_done_callback(self, callback: Callable[[Any], Any]) -> None:
        if not self._over:
            self._callbacks.append(callback)
        elif self._call is None:
            run_callback(callback, self)
        else:
            self._call.add_done_callback(lambda _: callback(self))

    def time_remaining(self) -> float | None:
        """
        None until the call itself is made.
        """
        return None if self._call is None else self._call.time_remaining()

    async def wait_for_connection(self) -> None:
        """
        Connections are the framework's: a call waits for one by itself.
        """
        await self._result()

    async def code(self) -> Any:
        try:
            await self._result()
        except grpc.aio.AioRpcError as error:
            return error.code()
        except CANCELLED:
            return grpc.StatusCode.CANCELLED
        return grpc.StatusCode.OK if self._call is None else await self._call.code()

    async def details(self) -> str:
        return str(await self._outcome("details", ""))

    async def initial_metadata(self) -> Any:
        return await self._outcome("initial_metadata", grpc.aio.Metadata())

    async def trailing_metadata(self) -> Any:
        return await self._outcome("trailing_metadata", grpc.aio.Metadata())

    async def _outcome(self, name: str, otherwise: Any) -> Any:
        """
        Return what the call, or the error that it ended with, says under a name.
        """
        with suppress(*CANCELLED):
            try:
                await self._result()
            except grpc.aio.AioRpcError as error:
                return getattr(error, name)()
            if self._call is not None:
                return await getattr(self._call, name)()
        return otherwise


grpc.aio.Call.register(InterceptedCall)
