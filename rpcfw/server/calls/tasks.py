"""
A coroutine that serves a call, from where it first waits to its end.

Most methods end without waiting and do not come here. A coroutine that waits is driven by
`DeferredTask`; where an asyncio loop runs, by an asyncio Task, so that it may await what
belongs to asyncio. In both cases one function is called once, with the result or the error.
"""

from __future__ import annotations

import asyncio
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.spi.runtime.waiting import asyncio_bridge, give_up

__all__ = ["AsyncioTask", "CallTask", "DeferredTask", "Done"]

#: Called with (result, None) or (None, error).
Done = Callable[[Any, "BaseException | None"], None]

_DONE = object()


class CallTask(ABC):
    """
    A running coroutine that can be cancelled.
    """

    __slots__ = ()

    @abstractmethod
    def cancel(self) -> None:
        """
        Raise a cancellation where it waits. It may still take time to end.
        """


class DeferredTask(CallTask):
    """
    Drives a coroutine that waits for Deferreds.

    Args:
        coroutine: has been started.
        context: it runs in this one.
        done: called at the end.
    """

    __slots__ = (
        "_adding_callback",
        "_cancelled",
        "_context",
        "_coroutine",
        "_done",
        "_ready",
        "_waited",
    )

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context, done: Done) -> None:
        self._coroutine = coroutine
        self._context = context
        self._done = done
        #: What it waits for; None while a step of it runs.
        self._waited: Any = None
        self._cancelled = False
        self._adding_callback = False
        self._ready: Any = None

    def cancel(self) -> None:
        if self._waited is None:
            self._cancelled = True  # at its next wait
        else:
            give_up(self._waited)

    def wait(self, waited: Any) -> None:
        """
        Continue from ``waited``, the first thing that the coroutine waits for.
        """
        while waited is not _DONE:
            if not isinstance(waited, Deferred):
                # A `Waiter` asks who drives: its future comes straight back.
                waited = self._step(waited)
                continue
            self._waited, self._ready = waited, _DONE
            if self._cancelled:
                self._cancelled = False
                give_up(waited)
            self._adding_callback = True
            waited.addBoth(self._settled)
            self._adding_callback = False
            if self._ready is _DONE:
                return
            # The result was there already. A loop: recursion could exceed the stack.
            waited = self._step(self._ready)

    def _settled(self, result: Any) -> None:
        if self._adding_callback:
            self._ready = result
        else:
            self.wait(self._step(result))

    def _step(self, result: Any) -> Any:
        self._waited = None
        failed = isinstance(result, Failure)
        try:
            if failed:
                return self._context.run(self._coroutine.throw, result.value)
            return self._context.run(self._coroutine.send, result)
        except StopIteration as stop:
            self._done(stop.value, None)
        except BaseException as error:  # noqa: BLE001  # passed on, not lost
            self._done(None, error)
            if failed and result.value is error:
                # Frames refer to it, and its traceback to them: a reference cycle.
                error.__traceback__ = None
        return _DONE


class AsyncioTask(CallTask):
    """
    A coroutine that asyncio drives. It has not been started.

    Args: as for `DeferredTask`.
    """

    __slots__ = ("_coroutine", "_done", "_task")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context, done: Done) -> None:
        self._coroutine = coroutine
        self._done = done
        self._task = context.run(_task, coroutine)

    @property
    def ended(self) -> bool:
        """
        Whether it ended without waiting.
        """
        return self._task.done()

    def notify(self) -> None:
        """
        Have `done` called: now if it has ended, else at its end.
        """
        if self._task.done():
            self._notify(self._task)
        else:
            self._task.add_done_callback(self._notify)

    def cancel(self) -> None:
        self._task.cancel()

    def _notify(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._coroutine.close()  # it may have been cancelled before its first step
            self._done(None, asyncio.CancelledError())
            return
        error = task.exception()
        self._done(None if error is not None else task.result(), error)


def _task(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        # Runs at once to where it first waits, so that most calls are answered in this turn.
        return asyncio.Task(asyncio_bridge(coroutine), loop=loop, eager_start=True)
    return loop.create_task(asyncio_bridge(coroutine))
