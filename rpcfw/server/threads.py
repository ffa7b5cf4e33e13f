"""
The threads that blocking methods run in: so many, and a queue of so many calls.

A full queue is a refusal at once, with the promise that nothing was begun, so that
the caller can go elsewhere; never a silent stall.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from rpcfw.errors import Overloaded
from rpcfw.spi.metrics import Meter

__all__ = ["BlockingThreads"]


class BlockingThreads:
    """
    One bounded pool.

    Args:
        reactor: where results come back.
        size: threads.
        queue: calls that may wait for one.
        meter: where its load is shown.
    """

    def __init__(self, reactor: Any, size: int, queue: int, meter: Meter) -> None:
        self._reactor = reactor
        self._size = size
        self._queue = queue
        self._busy = meter.gauge(
            "rpcfw_server_blocking_calls", "calls in or before the thread pool"
        ).of()
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name="rpcfw blocking")

    def start(self) -> None:
        """
        Be ready to run; threads are made as they are needed.
        """
        self._pool.start()

    def stop(self) -> None:
        """
        Await what runs. Called when no call is left that one could wait for.
        """
        self._pool.stop()

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Deferred[Any]:
        """
        Run a method in a thread, in the context of its call.

        Raises:
            Overloaded: all threads are busy and the queue is full.
        """
        busy = self._busy
        if busy.value >= self._size + self._queue:
            raise Overloaded(
                f"all {self._size} threads are busy and {self._queue} calls wait for one; "
                "see the options threads and thread_queue"
            )
        busy.value += 1
        running = deferToThreadPool(
            self._reactor, self._pool, copy_context().run, function, *arguments
        )
        return running.addBoth(self._done)

    def _done(self, result: Any) -> Any:
        self._busy.value -= 1
        return result
