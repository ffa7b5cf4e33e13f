"""
rpcfw for code that blocks: plain threads, no reactor in sight.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar, overload

from rpcfw.app.application import Application
from rpcfw.app.reactor_thread import ReactorThread
from rpcfw.app.thread_channel import ThreadChannel
from rpcfw.client.stub import calling
from rpcfw.spi import service
from rpcfw.spi.channel import Channel
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import Metadata

__all__ = ["BlockingApplication", "BlockingStream", "blocking"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


@overload
def blocking(function: F, /) -> F: ...


@overload
def blocking(
    *files: str | PathLike[str],
    sets: Sequence[str] = ...,
    environ: Mapping[str, str] | None = ...,
) -> BlockingApplication: ...


def blocking(*what: Any, sets: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> Any:
    """
    Let things block: a method that is served, or a program that calls.

    As a decorator it marks a method of a service that blocks, which then runs in the
    server's thread pool. With INI files it makes an application for plain threads::

        with rpcfw.blocking("consumer.ini") as app:
            print(app.client(Greeter).say("bob"))
    """
    if len(what) == 1 and callable(what[0]):
        return service.blocking(what[0])
    return BlockingApplication(*what, sets=sets, environ=environ)


class BlockingApplication:
    """
    An application whose calls block the thread that makes them. Safe from many threads.

    The reactor runs in a thread of its own, one for the process, started on first use.
    A forked child has no such thread: there every call is refused at once, and the child
    makes an application of its own.

    Args:
        files: INI files.
        sets: as for ``--set``.
        environ: where ``RPCFW_…`` settings are looked for; None for nowhere.
    """

    def __init__(
        self,
        *files: str | PathLike[str],
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._application = Application.from_ini(
            *files, sets=sets, environ=environ, own_thread=True
        )
        self._thread = ReactorThread.shared(self._application.ground.reactor)

    @property
    def application(self) -> Application:
        """
        The application within; whatever it is asked runs in the reactor's thread only.
        """
        return self._application

    def start(self) -> None:
        """
        Start, as entering a ``with`` block does.
        """
        self._thread.run(self._application.start)

    def stop(self) -> None:
        """
        Stop, as leaving the block does.
        """
        self._thread.run(self._application.stop)

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """
        Run a coroutine function in the reactor's thread and block for its result.
        """
        return self._thread.run(function, *arguments)

    def begin(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> Future[T]:
        """
        Likewise, and return at once. Cancelling the future cancels the coroutine.

        What is called back by the future is called in the reactor's thread, so it must
        not block.
        """
        return self._thread.begin(function, *arguments)

    def __enter__(self) -> BlockingApplication:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def client(self, service: Any) -> Any:
        """
        Return an object that calls a service and blocks for each answer.

        Its methods take and return what those of `Application.client` do, but a
        stream is a plain iterator. What a caller iterates over may block: it runs in a
        thread of its own, which waits while the server is behind.
        """
        return _BlockingProxy(calling(service, self._channel), self._thread)

    def _channel(self, name: str) -> Channel:
        """
        Return the channel to a service by name, for callers in plain threads.
        """
        channel = self._thread.run_plain(self._application.channel, name)
        return ThreadChannel(channel, self._application.ground.surroundings.threads)


class BlockingStream:
    """
    A streaming call for plain threads: an iterator, and a context that ends it.
    """

    def __init__(self, stream: Stream, thread: ReactorThread) -> None:
        self._stream = stream
        self._thread = thread

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return self._thread.run(self._stream.__anext__)
        except StopAsyncIteration:
            raise StopIteration from None

    def send(self, message: Any) -> None:
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

    def __enter__(self) -> BlockingStream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()


class _BlockingProxy:
    def __init__(self, proxy: Any, thread: ReactorThread) -> None:
        self._proxy = proxy
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._proxy, name)

        def blocks(*arguments: Any, **named: Any) -> Any:
            # In the caller's thread: what its arguments do may block, and is its own.
            result = method(*arguments, **named)
            if isinstance(result, Stream):
                return BlockingStream(result, self._thread)
            return self._thread.run_coroutine(result)

        blocks.__name__ = name
        blocks.__doc__ = method.__doc__
        return blocks
