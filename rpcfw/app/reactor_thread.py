"""
The reactor in a thread of its own, for programs that block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.app.forking import on_fork
from rpcfw.app.pool_threads import make_daemons
from rpcfw.errors import SetupError
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["ReactorThread"]

T = TypeVar("T")


class ReactorThread:
    """
    The one thread that the reactor runs in.
    """

    _only: ReactorThread | None = None
    _lock = threading.Lock()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._process = os.getpid()
        make_daemons(reactor)
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

    @property
    def is_foreign(self) -> bool:
        """
        Whether this process was forked from the one that the thread runs in.
        """
        return self._process != os.getpid()

    @classmethod
    def shared(cls, reactor: Any) -> ReactorThread:
        """
        Return the thread, starting it if need be.
        """
        with cls._lock:
            if cls._only is None:
                real = reactor.get(own_thread=True)
                if real.running:
                    raise SetupError(
                        "the reactor runs already, in a thread that may not block: use "
                        "rpcfw.Application there instead of rpcfw.blocking"
                    )
                if real._startedBefore:  # noqa: SLF001  # no public name
                    raise SetupError(
                        "the reactor has run, and Twisted's runs once in a process: make "
                        "rpcfw.blocking instead of Application.run, or in another process"
                    )
                cls._only = cls(real)
            return cls._only

    @classmethod
    def forget(cls) -> None:
        """
        Forget the thread, which a forked child does not have; nor its lock's holder.
        """
        cls._only = None
        cls._lock = threading.Lock()

    def run(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> T:
        """
        Run a coroutine function in the reactor's thread and block for its result.
        """
        return self._wait(lambda: spawn(function(*arguments)))

    def run_coroutine(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Run a coroutine in the reactor's thread and block for its result.
        """
        try:
            return self._wait(lambda: spawn(coroutine))
        except SetupError:
            coroutine.close()  # it may not have been begun
            raise

    def run_plain(self, function: Callable[..., T], *arguments: Any) -> T:
        """
        Run a plain function in the reactor's thread and block for its result.
        """

        def run() -> Deferred[T]:
            result: Deferred[T] = Deferred()
            result.callback(function(*arguments))
            return result

        return self._wait(run)

    def begin(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: Any) -> Future[T]:
        """
        Run a coroutine function in the reactor's thread and return at once.

        Cancelling the future cancels the coroutine. What is called back by the future
        is called in the reactor's thread, so it must not block.
        """
        return self._begin(lambda: spawn(function(*arguments)))

    def _wait(self, begin: Callable[[], Deferred[T]]) -> T:
        if threading.current_thread() is self._thread:
            raise SetupError("a blocking call in the reactor's own thread would never end")
        future = self._begin(begin)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C while waiting: the call is given up, here and at the server.
            future.cancel()
            raise

    def _begin(self, begin: Callable[[], Deferred[T]]) -> Future[T]:
        if self.is_foreign:
            raise SetupError(
                "this process was forked from the one that made the application: "
                "make a new rpcfw.blocking(...) in the child"
            )
        future: Future[T] = Future()
        # In the context of whoever asks: what it serves and what it listens with.
        self._reactor.callFromThread(copy_context().run, self._follow, begin, future)
        return future

    def _follow(self, begin: Callable[[], Deferred[T]], future: Future[T]) -> None:
        if future.cancelled():
            future.set_running_or_notify_cancel()  # `concurrent.futures.wait` needs that word
            return
        try:
            deferred = begin()
        except BaseException:  # noqa: BLE001  # raised in the thread that asked
            _settle(Failure(), future)
            return
        deferred.addBoth(_settle, future)

        def done(future: Future[T]) -> None:
            if future.cancelled():
                self._reactor.callFromThread(deferred.cancel)

        future.add_done_callback(done)


on_fork(ReactorThread.forget)


def _settle(result: Any, future: Future[Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(result, Failure):
        future.set_exception(result.value)
    else:
        future.set_result(result)
