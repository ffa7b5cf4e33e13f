"""
rpcfw for code that blocks: plain threads, no reactor in sight.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, TypeVar, overload

from twisted.internet.defer import Deferred

from rpcfw.app.application import Application
from rpcfw.app.reactor_thread import ReactorThread
from rpcfw.app.thread_channel import ThreadChannel
from rpcfw.client.blocking import BlockingStream, BlockingStub, blocking_method, blocking_proxy
from rpcfw.client.callers import BlockingConversation, P, R, Requests, T
from rpcfw.client.stub import calling, calling_method
from rpcfw.spi import service
from rpcfw.spi.channel import Channel
from rpcfw.values.explanation import Explanation

__all__ = ["BlockingApplication", "BlockingStream", "blocking"]

B = TypeVar("B", bound=BlockingStub)
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
        self._thread = ReactorThread.shared(self._application.runtime.reactor)

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

    @overload
    def client(self, service: type[B]) -> B: ...

    @overload
    def client(self, service: type[Any]) -> Any: ...

    def client(self, service: Any) -> Any:
        """
        Return an object that calls a service and blocks for each answer.

        Its methods take what those of `Application.client` do, and return the result
        itself; a stream is a plain iterator. What a caller iterates over may block: it
        runs in a thread of its own, which waits while the server is behind.

        Python cannot write down the type of that for any class. Type checkers know it of
        a blocking stub, and of what `caller` returns.

        Args:
            service: a service class or a stub class; of a blocking one that
                protoc-gen-rpcfw wrote an instance is returned.
        """
        if isinstance(service, type) and issubclass(service, BlockingStub):
            return service(self._channel(service.service_name), self._thread)
        return blocking_proxy(calling(service, self._channel), self._thread)

    @overload
    def caller(
        self, method: Callable[[Any, AsyncIterator[T]], AsyncIterator[R]], /
    ) -> BlockingConversation[T, R]: ...

    @overload
    def caller(
        self, method: Callable[[Any, AsyncIterator[T]], Coroutine[Any, Any, R] | Deferred[R]], /
    ) -> Callable[[Requests[T]], R]: ...

    @overload
    def caller(
        self, method: Callable[Concatenate[Any, P], AsyncIterator[R]], /
    ) -> Callable[P, BlockingStream[Any, R]]: ...

    @overload
    def caller(
        self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Callable[P, R]: ...

    @overload
    def caller(self, method: Callable[Concatenate[Any, P], Deferred[R]], /) -> Callable[P, R]: ...

    @overload
    def caller(self, method: Callable[Concatenate[Any, P], R], /) -> Callable[P, R]: ...

    def caller(self, method: Any, /) -> Any:
        """
        Return a function that calls one method and blocks for the answer.

        As in ``say = app.caller(Greeter.say)`` and then ``print(say("bob"))``.

        Args:
            method: as an attribute of the class that marks it.

        Raises:
            ContractError: it is no method of a service with a name.
        """
        return blocking_method(calling_method(method, self._channel), self._thread)

    def explain(self, method: Any, /, *arguments: Any, **named: Any) -> Explanation:
        """
        Return which instances a call could go to now, and why; make no call.

        See `Application.explain`.
        """
        return self._thread.run(partial(self._application.explain, method, *arguments, **named))

    def _channel(self, name: str) -> Channel:
        """
        Return the channel to a service by name, for callers in plain threads.
        """
        channel = self._thread.run_plain(self._application.channel, name)
        return ThreadChannel(channel, self._application.runtime.plugin_context.threads)
