"""
rpcfw for code that blocks: plain threads, no reactor in sight.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.app.application import Application
from rpcfw.errors import SetupError
from rpcfw.spi import service
from rpcfw.spi.stream import Stream
from rpcfw.spi.waiting import spawn

__all__ = ["BlockingApplication", "BlockingStream", "blocking"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


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
    After a fork the child has no such thread, so there every call is refused at once.

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
        self._application = Application.from_ini(*files, sets=sets, environ=environ)
        self._thread = _ReactorThread.shared(self._application.ground.reactor)

    def __enter__(self) -> BlockingApplication:
        self._thread.run(self._application.start)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.run(self._application.stop)

    def client(self, service: Any) -> Any:
        """
        Return an object that calls a service and blocks for each answer.

        Its methods take and return what those of `Application.client` do, but a
        stream is a plain iterator.
        """
        return _BlockingProxy(
            self._thread.run_plain(self._application.client, service), self._thread
        )


class BlockingStream:
    """
    A streaming call for plain threads: an iterator, and a context that ends it.
    """

    def __init__(self, stream: Stream, thread: _ReactorThread) -> None:
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
    def __init__(self, proxy: Any, thread: _ReactorThread) -> None:
        self._proxy = proxy
        self._thread = thread

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._proxy, name)

        def blocks(*arguments: Any, **named: Any) -> Any:
            result = self._thread.run_plain(lambda: method(*arguments, **named))
            if isinstance(result, Stream):
                return BlockingStream(result, self._thread)
            return self._thread.run(lambda: result)

        blocks.__name__ = name
        blocks.__doc__ = method.__doc__
        return blocks


class _ReactorThread:
    """
    The one thread that the reactor runs in.
    """

    _only: _ReactorThread | None = None
    _lock = threading.Lock()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._process = os.getpid()
        started = threading.Event()
        reactor.callWhenRunning(started.set)
        self._thread = threading.Thread(
            target=reactor.run,
            kwargs={"installSignalHandlers": False},
            name="rpcfw reactor",
            daemon=True,
        )
        self._thread.start()
        started.wait()

    @classmethod
    def shared(cls, reactor: Any) -> _ReactorThread:
        """
        Return the thread, starting it if need be.
        """
        with cls._lock:
            if cls._only is None or cls._only._process != os.getpid():
                if reactor.running:
                    raise SetupError(
                        "the reactor runs already, so its own thread may not block: use "
                        "rpcfw.Application there, or make rpcfw.blocking after a fork's exec"
                    )
                cls._only = cls(reactor)
            return cls._only

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """
        Run a coroutine function in the reactor's thread and block for its result.
        """
        return self._wait(lambda: spawn(function(*arguments)))

    def run_plain(self, function: Callable[..., T], *arguments: Any) -> T:
        """
        Run a plain function in the reactor's thread and block for its result.
        """

        def run() -> Deferred[T]:
            result: Deferred[T] = Deferred()
            result.callback(function(*arguments))
            return result

        return self._wait(run)

    def _wait(self, begin: Callable[[], Deferred[T]]) -> T:
        if self._process != os.getpid():
            raise SetupError(
                "this process was forked from the one that made the application: "
                "make a new rpcfw.blocking(...) in the child, before the parent starts its own"
            )
        if threading.current_thread() is self._thread:
            raise SetupError("a blocking call in the reactor's own thread would never end")
        done = threading.Event()
        box: list[Any] = []

        def ended(result: Any) -> None:
            box.append(result)
            done.set()

        running: list[Deferred[T]] = []

        def start() -> None:
            try:
                deferred = begin()
            except BaseException:
                ended(Failure())
                return
            running.append(deferred)
            deferred.addBoth(ended)

        self._reactor.callFromThread(start)
        try:
            done.wait()
        except BaseException:
            # Ctrl-C while waiting: the call is given up, here and at the server.
            self._reactor.callFromThread(lambda: running and running[0].cancel())
            raise
        result = box[0]
        if isinstance(result, Failure):
            raise result.value
        value: T = result
        return value
