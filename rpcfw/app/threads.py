"""
The reactor's own thread pool, as plugins may use it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.threads import deferToThreadPool

__all__ = ["ReactorThreads"]

T = TypeVar("T")


class ReactorThreads:
    """
    Fits `rpcfw.spi.runtime.clock.Threads`. On a clock without threads it runs things at once.

    Args:
        reactor: Twisted's, or a clock.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._has_threads = IReactorThreads.providedBy(reactor)

    def call(self, function: Callable[..., T], *args: Any) -> Deferred[T]:
        """
        Run ``function`` in a thread; the Deferred fires in the reactor's.
        """
        if not self._has_threads:
            return execute(function, *args)
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, function, *args)

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """
        Run ``function`` in the reactor's thread, soon. Callable from any thread.
        """
        if self._has_threads:
            self._reactor.callFromThread(function, *args)
        else:
            self._reactor.callLater(0, function, *args)
