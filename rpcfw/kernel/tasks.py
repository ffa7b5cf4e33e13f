"""
Coroutines that run beside calls: kept, cancelled on stop, never failing in silence.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn

__all__ = ["Task", "Tasks"]

_log = Logger()


class Task:
    """
    One running coroutine.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.done = False
        self._running: Deferred[Any] | None = None

    def cancel(self) -> None:
        """
        Give it up. Harmless if it is done.
        """
        if self._running is not None and not self.done:
            self._running.cancel()

    def _run(self, coroutine: Coroutine[Any, Any, Any]) -> Deferred[Any]:
        self._running = spawn(coroutine)
        return self._running


class Tasks:
    """
    The running coroutines of one owner. A part: to be stopped with its owner.
    """

    name = "tasks"

    def __init__(self) -> None:
        self._tasks: set[Task] = set()
        self._stopped = False
        self._idle: Waiter[None] | None = None

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], what: str) -> Task:
        """
        Run a coroutine that nobody awaits. After `stop` it is not run at all.

        Args:
            what: what it does, for the log, as "watching the registry".
        """
        task = Task(what)
        if self._stopped:
            coroutine.close()
            task.done = True
            return task
        self._tasks.add(task)
        task._run(coroutine).addCallbacks(  # noqa: SLF001  # of this file
            self._ended, self._failed, callbackArgs=(task,), errbackArgs=(task,)
        )
        return task

    async def start(self) -> None:
        """
        Nothing to do: coroutines come later.
        """

    async def stop(self) -> None:
        """
        Cancel all that run and return once they have ended.
        """
        self._stopped = True
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            self._idle = Waiter()
            await self._idle

    def _failed(self, failure: Failure, task: Task) -> None:
        if not isinstance(failure.value, CANCELLED):
            _log.failure("{what} failed", failure, what=task.what)
        self._ended(None, task)

    def _ended(self, _: object, task: Task) -> None:
        task.done = True
        self._tasks.discard(task)
        if not self._tasks and self._idle is not None:
            idle, self._idle = self._idle, None
            idle.callback(None)
