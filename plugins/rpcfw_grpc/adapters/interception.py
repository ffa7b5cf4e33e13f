"""
Server interceptors of grpcio's, around the methods of servicers.

For each call the interceptors decide which handler serves it: the servicer's, or one of
their own. So what the framework runs asks them first, and then calls what they return:
in a thread for interceptors of `grpc.server`, else as a coroutine.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from attrs import frozen

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.values.method import Method

__all__ = ["Asked", "Interception"]


class Asked(NamedTuple):
    """
    What interceptors and generic handlers are asked about; they answer with what runs.
    """

    method: str
    invocation_metadata: tuple[Any, ...] = ()


@frozen(eq=False)
class Interception:
    """
    The interceptors of a server.

    Args:
        interceptors: the first outermost.
        added: handlers by the names of service and method.
    """

    interceptors: Sequence[Any]
    added: Mapping[str, Mapping[str, Any]]

    def around(self, method: Method, function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
        """
        Return a function of the same shape that asks the interceptors first.

        Raises:
            ContractError: interceptors of one API are given to a servicer of the other.
        """
        is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        for each in self.interceptors:
            if inspect.iscoroutinefunction(each.intercept_service) != is_async:
                kinds = ("plain functions", "coroutines")
                raise ContractError(
                    f"the interceptor {each!r} cannot serve {method.path}: that is for "
                    f"servicers of {kinds[not is_async]}, and this one is of {kinds[is_async]}"
                )
        if not is_async:
            return self._stream(method) if method.server_streams else self._answer(method)
        return self._aio_stream(method) if method.server_streams else self._aio_answer(method)

    def _found(self, asked: Any) -> Any:
        """
        Return what serves a call that passed all interceptors; None for nothing.
        """
        service, _, name = asked.method.strip("/").rpartition("/")
        return self.added.get(service, {}).get(name)

    # Of plain functions.

    def _ask(self, place: int, asked: Any) -> Any:
        if place == len(self.interceptors):
            return self._found(asked)
        proceed = self.interceptors[place].intercept_service
        return proceed(lambda asked: self._ask(place + 1, asked), asked)

    def _answer(self, method: Method) -> Callable[[Any, Any], Any]:
        def answer(request: Any, its: Any) -> Any:
            handler = _usable(method, self._ask(0, _asked(method, its)))
            return _function(handler)(_requests(method, handler, request), its)

        return answer

    def _stream(self, method: Method) -> Callable[[Any, Any], Iterable[Any]]:
        def stream(request: Any, its: Any) -> Iterator[Any]:
            handler = _usable(method, self._ask(0, _asked(method, its)))
            answers = _function(handler)(_requests(method, handler, request), its)
            yield from answers if handler.response_streaming else (answers,)

        return stream

    # Of coroutines.

    async def _aio_ask(self, place: int, asked: Any) -> Any:
        if place == len(self.interceptors):
            return self._found(asked)

        async def proceed(asked: Any) -> Any:
            return await self._aio_ask(place + 1, asked)

        return await self.interceptors[place].intercept_service(proceed, asked)

    def _aio_answer(self, method: Method) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, its: Any) -> Any:
            handler = _usable(method, await self._aio_ask(0, _asked(method, its)))
            return await _function(handler)(await _aio_requests(method, handler, request), its)

        return answer

    def _aio_stream(self, method: Method) -> Callable[[Any, Any], Any]:
        async def stream(request: Any, its: Any) -> None:
            handler = _usable(method, await self._aio_ask(0, _asked(method, its)))
            function = _function(handler)
            sent = await _aio_requests(method, handler, request)
            if inspect.isasyncgenfunction(function):
                async with aclosing(function(sent, its)) as answers:
                    async for answer in answers:
                        await its.write(answer)
            elif handler.response_streaming:
                await function(sent, its)
            else:
                await its.write(await function(sent, its))

        return stream


def _asked(method: Method, its: Any) -> Asked:
    return Asked(f"/{method.path}", its.invocation_metadata())


def _usable(method: Method, handler: Any) -> Any:
    """
    Return a handler that can serve a method.

    Raises:
        Unimplemented: there is none, or one that answers more than the method may.
    """
    if handler is None:
        raise Unimplemented(f"no interceptor returned a handler for {method.path}")
    if handler.response_streaming and not method.server_streams:
        raise Unimplemented(f"an interceptor's handler for {method.path} streams its answers")
    return handler


def _function(handler: Any) -> Callable[[Any, Any], Any]:
    kinds = ("unary", "stream")
    kind = f"{kinds[handler.request_streaming]}_{kinds[handler.response_streaming]}"
    function: Callable[[Any, Any], Any] = getattr(handler, kind)
    return function


def _requests(method: Method, handler: Any, request: Any) -> Any:
    """
    Return the caller's message, or messages, as the handler takes them.
    """
    streams = method.shape.client_streams
    if streams == handler.request_streaming:
        return request
    return next(request, None) if streams else iter((request,))


async def _aio_requests(method: Method, handler: Any, request: Any) -> Any:
    streams = method.shape.client_streams
    if streams == handler.request_streaming:
        return request
    return await anext(request, None) if streams else _one(request)


async def _one(request: Any) -> AsyncIterator[Any]:
    yield request
