"""
What a stub of plain threads has as its methods, with the signatures of grpcio's.

A stub's method has up to three ways to be called, and grpcio gives all of them the same options.
So the two signatures, for one request and for a stream of them, are written once, here; the classes
below are a table of what each shape does with them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from rpcfw.spi.channel import Channel
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.call_options import call_options

if TYPE_CHECKING:
    from rpcfw_grpc.adapters.blocking_calls import BlockingAnswer, BlockingStream
    from rpcfw_grpc.adapters.blocking_channel import BlockingChannel

__all__ = ["CALLABLES", "StreamStream", "StreamUnary", "UnaryStream", "UnaryUnary"]


@frozen(eq=False)
class _Callable:
    """
    One method.

    Args:
        owner: makes the calls.
    """

    owner: BlockingChannel
    method: Method
    channel: Channel


_Way = Callable[[_Callable, Any, CallOptions], Any]


def _future(method: _Callable, request: Any, options: CallOptions) -> BlockingAnswer:
    return method.owner.answer(method.method, method.channel, request, options)


def _answer(method: _Callable, request: Any, options: CallOptions) -> Any:
    return _future(method, request, options).awaited()


def _with_call(method: _Callable, request: Any, options: CallOptions) -> tuple[Any, BlockingAnswer]:
    call = _future(method, request, options)
    return call.awaited(), call


def _stream(method: _Callable, request: Any, options: CallOptions) -> BlockingStream:
    return method.owner.stream(method.method, method.channel, request, options)


def _one_request(way: _Way) -> Callable[..., Any]:
    """
    Return a way to call a method with one request.
    """

    def called(
        self: _Callable,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return way(self, request, options)

    return called


def _requests(way: _Way) -> Callable[..., Any]:
    """
    Return a way to call a method with a stream of requests.
    """

    def called(
        self: _Callable,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return way(self, request_iterator, options)

    return called


class UnaryUnary(_Callable):
    """
    One request, one response.
    """

    __call__ = _one_request(_answer)
    with_call = _one_request(_with_call)
    future = _one_request(_future)


class UnaryStream(_Callable):
    """
    One request, a stream of responses.
    """

    __call__ = _one_request(_stream)


class StreamUnary(_Callable):
    """
    A stream of requests, one response.
    """

    __call__ = _requests(_answer)
    with_call = _requests(_with_call)
    future = _requests(_future)


class StreamStream(_Callable):
    """
    A stream of requests, a stream of responses.
    """

    __call__ = _requests(_stream)


#: By the names of `generated.SHAPES`.
CALLABLES: Final[dict[str, type[_Callable]]] = {
    "unary_unary": UnaryUnary,
    "unary_stream": UnaryStream,
    "stream_unary": StreamUnary,
    "stream_stream": StreamStream,
}
