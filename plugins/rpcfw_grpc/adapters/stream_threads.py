"""
The threads in which a servicer's plain functions stream their answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.python.threadpool import ThreadPool

__all__ = ["StreamThreads"]


class StreamThreads:
    """
    One bounded pool; what comes when all its threads are busy waits for one.

    A function that never returns must not keep the process from ending. So the threads are
    daemons, which those of `concurrent.futures` are not.

    Args:
        size: threads; they are made as they are needed.
        name: of the threads.
    """

    def __init__(self, size: int, name: str) -> None:
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name=name)
        self._pool.threadFactory = partial(threading.Thread, daemon=True)  # type: ignore[assignment]  # makes one all the same

    def start(self) -> None:
        """
        Begin with what was asked for so far.
        """
        self._pool.start()

    def stop(self) -> None:
        """
        Let the threads end that are done. Return at once.
        """
        # Joining blocks, so it has a thread of its own.
        threading.Thread(target=self._pool.stop, daemon=True).start()

    def run(self, function: Callable[..., Any], *arguments: Any) -> None:
        """
        Run a function that raises nothing.
        """
        self._pool.callInThread(function, *arguments)
