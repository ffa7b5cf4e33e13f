"""
What a stub for asyncio has as its methods, with the signatures of grpcio's.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable
from typing import Any, Final, Protocol

from attrs import frozen

__all__ = ["CALLABLES", "AioCallable", "MakeCall", "RequestCallable", "StreamCallable"]


class MakeCall(Protocol):
    """
    Makes a call of one method.

    Where the caller streams, None in the place of a request means that it will write.
    """

    def __call__(
        self,
        request: Any,
        timeout: float | None,
        metadata: Any,
        credentials: Any,
        wait_for_ready: bool | None,
        compression: Any,
        /,
    ) -> Any: ...


@frozen(eq=False)
class AioCallable:
    """
    One method.

    Args:
        make: makes its calls.
    """

    make: MakeCall


class RequestCallable(AioCallable):
    """
    One request.
    """

    def __call__(
        self,
        request: Any,
        *,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        return self.make(request, timeout, metadata, credentials, wait_for_ready, compression)


class StreamCallable(AioCallable):
    """
    A stream of requests.
    """

    def __call__(
        self,
        request_iterator: Iterable[Any] | AsyncIterable[Any] | None = None,
        timeout: float | None = None,
        metadata: Any = None,
        credentials: Any = None,
        wait_for_ready: bool | None = None,
        compression: Any = None,
    ) -> Any:
        return self.make(
            request_iterator, timeout, metadata, credentials, wait_for_ready, compression
        )


#: By the names of `generated.SHAPES`.
CALLABLES: Final[dict[str, type[AioCallable]]] = {
    "unary_unary": RequestCallable,
    "unary_stream": RequestCallable,
    "stream_unary": StreamCallable,
    "stream_stream": StreamCallable,
}
