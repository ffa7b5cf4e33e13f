"""
A coroutine that serves a call, from where it first waits to its end.

Most methods end without waiting and do not come here. A coroutine that waits is driven by
`DeferredTask`; where an asyncio loop runs, by an asyncio Task, so that it may await what
belongs to asyncio. In both cases one function is called once, with the result or the error.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import Context
from inspect import CORO_CREATED, getcoroutinestate
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.server.calls.eager_task import eager_task
from rpcfw.spi.runtime.waiting import bridge, give_up

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
    A coroutine that asyncio drives.

    Its Task runs at once to where it first waits, so most calls are answered in the turn in which
    they came, and their Tasks are never scheduled. A first step without a Task would be no
    replacement: in it `asyncio.timeout`, `asyncio.TaskGroup` and anyio find no
    `asyncio.current_task()`.

    Args:
        coroutine: has not been started.
        context: it runs in this one.
        loop: runs here.
    """

    __slots__ = ("_coroutine", "_done", "error", "task")

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._coroutine = coroutine
        self._done: Done | None = None
        #: What the coroutine has raised, if it has ended before `notify`. Not in the Task: an error
        #: has frames that refer to this, and would be a reference cycle. So `take_error` takes it.
        self.error: BaseException | None = None
        #: If it is done now, it has the result. Otherwise `notify` is to be called.
        self.task = eager_task(self._run(), loop=loop, context=context)

    def notify(self, done: Done) -> None:
        """
        Call ``done`` at the end of the coroutine, which is not there yet.
        """
        self._done = done
        if getcoroutinestate(self._coroutine) == CORO_CREATED:
            self.task.add_done_callback(self._never_begun)

    def take_error(self) -> BaseException:
        """
        Return the error, and forget it.

        Who takes it gives it no name: its traceback has that frame, too.
        """
        error, self.error = self.error, None
        assert error is not None
        return error

    def cancel(self) -> None:
        self.task.cancel()

    async def _run(self) -> Any:
        coroutine = self._coroutine
        try:
            # The first step is written out: most coroutines have no other one, and need no
            # second frame between them and their Task.
            waited = coroutine.send(None)
        except StopIteration as stop:
            result = stop.value
        except BaseException as error:  # noqa: BLE001  # passed on, not lost
            self._failed(error)
            return None
        else:
            try:
                result = await bridge(coroutine, waited)
            except BaseException as error:  # noqa: BLE001  # passed on, not lost
                self._failed(error)
                return None
        if self._done is None:
            return result
        self._done(result, None)
        return None

    def _failed(self, error: BaseException) -> None:
        """
        Pass on an error: to the caller of `notify`, or to who looks at `error`.
        """
        if self._done is None:
            self.error = error
        else:
            self._done(None, error)

    def _never_begun(self, task: asyncio.Task[Any]) -> None:
        if getcoroutinestate(self._coroutine) == CORO_CREATED:
            self._coroutine.close()
            del self.task  # its error has a frame that refers to this: a reference cycle
            assert self._done is not None
            self._done(None, asyncio.CancelledError())
