"""
The reactor in a thread of its own, for programs that block.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.errors import SetupError
from rpcfw.spi.waiting import spawn

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
            if cls._only is None or cls._only.is_foreign:
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
        if self.is_foreign:
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
            except BaseException:  # noqa: BLE001  # raised in the thread that asked
                ended(Failure())
                return
            running.append(deferred)
            deferred.addBoth(ended)

        # In the context of whoever asks: what it serves and what it listens with.
        self._reactor.callFromThread(copy_context().run, start)
        try:
            done.wait()
        except BaseException:
            # Ctrl-C while waiting: the call is given up, here and at the server.
            self._reactor.callFromThread(_cancel_all, running)
            raise
        result = box[0]
        if isinstance(result, Failure):
            raise cast(BaseException, result.value)
        value: T = result
        return value


def _cancel_all(running: list[Deferred[T]]) -> None:
    for deferred in running:
        deferred.cancel()
