"""
A coroutine that serves a call, from its first wait to its end.

Most methods end without waiting and never get here. One that waits is driven by
`DeferredTask`, or by a Task where an asyncio loop runs, so that it may await
asyncio's things as well. Either way the end is told to one function, once.
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

#: Told (result, None) or (None, error).
Done = Callable[[Any, "BaseException | None"], None]

_ENDED = object()


class CallTask(ABC):
    """
    Something that runs and can be given up.
    """

    @abstractmethod
    def cancel(self) -> None:
        """
        Raise a cancellation where it waits. It may take its time to end.
        """


class DeferredTask(CallTask):
    """
    Drives a coroutine that waits for Deferreds.

    Args:
        coroutine: it has been started.
        context: what it runs in.
        done: told of the end.
    """

    __slots__ = ("_cancelled", "_context", "_coroutine", "_done", "_inside", "_ready", "_waited")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], context: Context, done: Done) -> None:
        self._coroutine = coroutine
        self._context = context
        self._done = done
        #: What it waits for; None while a step of it runs.
        self._waited: Any = None
        self._cancelled = False
        self._inside = False
        self._ready: Any = None

    def cancel(self) -> None:
        if self._waited is None:
            self._cancelled = True  # at its next wait
        else:
            give_up(self._waited)

    def wait(self, waited: Any) -> None:
        """
        Go on from ``waited``, the first thing that the coroutine waits for.
        """
        while waited is not _ENDED:
            if not isinstance(waited, Deferred):
                # A `Waiter` asks who drives: its future comes straight back.
                waited = self._step(waited)
                continue
            self._waited, self._ready = waited, _ENDED
            if self._cancelled:
                self._cancelled = False
                give_up(waited)
            self._inside = True
            waited.addBoth(self._settled)
            self._inside = False
            if self._ready is _ENDED:
                return
            # It was there already: a turn of this loop, not a frame on the stack.
            waited = self._step(self._ready)

    def _settled(self, result: Any) -> None:
        if self._inside:
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
        except BaseException as error:  # noqa: BLE001  # told, not swallowed
            self._done(None, error)
            if failed and result.value is error:
                # Frames refer to it, and its traceback to them: a reference cycle.
                error.__traceback__ = None
        return _ENDED


class AsyncioTask(CallTask):
    """
    Has asyncio drive a coroutine that has not been started.

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

    def tell(self) -> None:
        """
        Have the end told: at once if it is there, else when it comes.
        """
        if self._task.done():
            self._tell(self._task)
        else:
            self._task.add_done_callback(self._tell)

    def cancel(self) -> None:
        self._task.cancel()

    def _tell(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            self._coroutine.close()  # it may have been given up before its first step
            self._done(None, asyncio.CancelledError())
            return
        error = task.exception()
        self._done(None if error is not None else task.result(), error)


def _task(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        # Runs to its first wait at once, so most calls are answered in this turn.
        return asyncio.Task(asyncio_bridge(coroutine), loop=loop, eager_start=True)
    return loop.create_task(asyncio_bridge(coroutine))
