"""
What a stub of plain threads has as its methods, with the signatures of grpcio's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rpcfw.spi.channel import Channel
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.call_options import call_options

if TYPE_CHECKING:
    from rpcfw_grpc.adapters.blocking_calls import BlockingAnswer, BlockingStream
    from rpcfw_grpc.adapters.blocking_channel import BlockingChannel

__all__ = ["StreamStream", "StreamUnary", "UnaryStream", "UnaryUnary"]


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

    def _answer(self, request: Any, options: CallOptions) -> BlockingAnswer:
        return self.owner.answer(self.method, self.channel, request, options)

    def _stream(self, request: Any, options: CallOptions) -> BlockingStream:
        return self.owner.stream(self.method, self.channel, request, options)


class UnaryUnary(_Callable):
    """
    One request, one answer.
    """

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._answer(request, options).awaited()

    def with_call(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> tuple[Any, BlockingAnswer]:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        call = self._answer(request, options)
        return call.awaited(), call

    def future(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> BlockingAnswer:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._answer(request, options)


class UnaryStream(_Callable):
    """
    One request, a stream of answers.
    """

    def __call__(
        self,
        request: Any,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> BlockingStream:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._stream(request, options)


class StreamUnary(_Callable):
    """
    A stream of requests, one answer.
    """

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._answer(request_iterator, options).awaited()

    def with_call(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> tuple[Any, BlockingAnswer]:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        call = self._answer(request_iterator, options)
        return call.awaited(), call

    def future(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> BlockingAnswer:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._answer(request_iterator, options)


class StreamStream(_Callable):
    """
    A stream of requests, a stream of answers.
    """

    def __call__(
        self,
        request_iterator: Iterable[Any],
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> BlockingStream:
        options = call_options(timeout, metadata, credentials, wait_for_ready, compression)
        return self._stream(request_iterator, options)
