"""
Clients for plain threads: each call blocks the thread that makes it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from rpcfw.client.options import Timeout, call_options
from rpcfw.client.signatures import with_result
from rpcfw.client.stub import Stub
from rpcfw.spi.channel import Channel
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import Metadata, MetadataLike
from rpcfw.values.method import Method

if TYPE_CHECKING:
    from rpcfw.spi.stream import Received, Sent
else:
    Sent = TypeVar("Sent")
    Received = TypeVar("Received")

__all__ = ["BlockingStream", "BlockingStub", "Waits", "blocking_method", "blocking_proxy"]

T = TypeVar("T")


class Waits(Protocol):
    """
    The way into the reactor's thread; whoever takes it blocks for the result.
    """

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """
        Run a coroutine function.
        """

    def run_coroutine(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine.
        """

    def run_plain(self, function: Callable[..., T], *arguments: Any) -> T:
        """
        Run a plain function.
        """


class BlockingStream(Generic[Sent, Received]):
    """
    A streaming call for plain threads: an iterator, and a context that ends it.
    """

    def __init__(self, stream: Stream[Sent, Received], thread: Waits) -> None:
        self._stream = stream
        self._thread = thread

    def __iter__(self) -> Iterator[Received]:
        return self

    def __next__(self) -> Received:
        try:
            return self._thread.run(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def send(self, message: Sent) -> None:
        """
        Send one message; block while the server is behind.
        """
        self._thread.run(self._stream.send, message)

    def end(self) -> None:
        """
        Say that no more messages will be sent.
        """
        self._thread.run(self._stream.end)

    def metadata(self) -> Metadata:
        """
        Return what the server sent before its first message; block until it is here.
        """
        return self._thread.run(self._stream.metadata)

    @property
    def trailers(self) -> Metadata:
        """
        What the server sent after its last message; empty before.
        """
        return self._stream.trailers

    def cancel(self) -> None:
        """
        Give the call up.
        """
        self._thread.run_plain(self._stream.cancel)

    def __enter__(self) -> BlockingStream[Sent, Received]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()


class BlockingStub:
    """
    The base class of stubs that ``protoc-gen-rpcfw`` writes for plain threads.

    Args:
        channel: what calls are made through.
        thread: the way to the reactor, where it lives.
    """

    #: Set by the generated class.
    service_name: ClassVar[str]

    def __init__(self, channel: Channel, thread: Waits) -> None:
        self._channel = channel
        self._thread = thread

    def _call(
        self,
        method: Method,
        request: Any,
        timeout: Timeout,
        metadata: MetadataLike | None,
        compression: str | None = None,
    ) -> Any:
        options = call_options(timeout, metadata, compression)
        return self._thread.run_coroutine(self._channel.call(method, request, options))

    def _stream(
        self,
        method: Method,
        request: Any,
        timeout: Timeout,
        metadata: MetadataLike | None,
        compression: str | None = None,
    ) -> BlockingStream[Any, Any]:
        options = call_options(timeout, metadata, compression)
        return BlockingStream(self._channel.stream(method, request, options), self._thread)


def blocking_proxy(client: Any, thread: Waits) -> Any:
    """
    Return an object with the methods of a client that is no blocking one.
    """
    kind = type(client)
    names = set(dir(kind)) - set(dir(Stub))
    methods = {name: getattr(client, name) for name in names}
    namespace: dict[str, Any] = {
        name: staticmethod(blocking_method(method, thread))
        for name, method in methods.items()
        if callable(method)
    }
    namespace |= {"__doc__": kind.__doc__, "__slots__": (), "__module__": kind.__module__}
    return type(f"Blocking{kind.__name__}", (), namespace)()


def blocking_method(method: Callable[..., Any], thread: Waits) -> Callable[..., Any]:
    """
    Return a function that calls one method of a client and blocks for what it gives.
    """

    def blocks(*arguments: Any, **named: Any) -> Any:
        # In the caller's thread: what its arguments do may block, and is its own.
        result = method(*arguments, **named)
        if isinstance(result, Stream):
            return BlockingStream(result, thread)
        return thread.run_coroutine(result)

    described: Any = blocks
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(described, name, getattr(method, name))
    described.__signature__ = with_result(inspect.signature(method), _stream_type)
    return blocks


def _stream_type(sent: Any, received: Any) -> Any:
    return BlockingStream[sent, received]
