"""
An asyncio loop on a lab's clock: no sockets, no threads, and no time that passes by itself.

Theory of operation. Every callback of the loop is a delayed call of the clock, also one
that is due at once. So what Twisted would do and what asyncio would do share one order,
which is the same each time; and a Task takes a step only when the clock comes to it, as it
would in a real loop. That is what a coroutine under asyncio meets and one under Twisted
does not: between a result and the step that takes it, other things happen.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.events import _get_running_loop, _set_running_loop
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure

__all__ = ["LabLoop", "LoopInPlace"]


class LabLoop(asyncio.BaseEventLoop):
    """
    A loop that is turned by whoever advances the clock.

    Args:
        clock: what its callbacks are delayed calls of.
    """

    log = Logger()

    def __init__(self, clock: Clock) -> None:
        self._in_place = False
        super().__init__()
        self._on = clock
        self._timers: dict[asyncio.Handle, Any] = {}

    def time(self) -> float:
        return self._on.seconds()

    def is_running(self) -> bool:
        return self._in_place

    def put(self, in_place: bool) -> None:
        """
        Be the loop that runs here, or be it no longer.
        """
        self._in_place = in_place

    def call_soon(  # type: ignore[override]  # typed by packs there
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._on.callLater(0, self._run, handle)
        return handle

    def call_soon_threadsafe(  # type: ignore[override]  # typed by packs there
        self, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        # A lab has one thread. This may come from the garbage collector, after its end.
        self._check_closed()  # type: ignore[attr-defined]  # of BaseEventLoop
        return self.call_soon(callback, *args, context=context)

    def call_later(  # type: ignore[override]  # typed by packs there
        self,
        delay: float,
        callback: Any,
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]  # typed by packs there
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers[handle] = self._on.callLater(max(0.0, when - self.time()), self._run, handle)
        return handle

    def run_in_executor(  # type: ignore[override]  # typed by packs there
        self, executor: Any, func: Any, *args: Any
    ) -> asyncio.Future[Any]:
        """
        Run it at once, as blocking methods run at once in a lab.
        """
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # raised where the future is awaited
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """
        Log it with Twisted, whose log the lab watches.
        """
        error = context.get("exception") or RuntimeError(context["message"])
        self.log.failure("{message}", Failure(error), message=context["message"])

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        delayed = self._timers.pop(handle, None)
        if delayed is not None and delayed.active():
            delayed.cancel()

    def _run(self, handle: asyncio.Handle) -> None:
        self._timers.pop(handle, None)
        if not handle.cancelled():
            handle._run()  # noqa: SLF001  # what a loop does with a handle


class LoopInPlace:
    """
    Makes one loop, or none, the one that runs here, until `leave`.

    So a lab stands on its own in a test that runs in an asyncio loop itself.

    Args:
        loop: a lab's; None where Twisted drives.
    """

    def __init__(self, loop: LabLoop | None) -> None:
        self._loop = loop
        self._before: Any = None
        self._hooks: Any = None

    def enter(self) -> None:
        """
        Put the loop in its place.
        """
        self._before, self._hooks = _get_running_loop(), sys.get_asyncgen_hooks()
        loop = self._loop
        _set_running_loop(loop)
        if loop is None:
            sys.set_asyncgen_hooks(None, None)
        else:
            loop.put(True)
            sys.set_asyncgen_hooks(
                loop._asyncgen_firstiter_hook,  # type: ignore[attr-defined]  # noqa: SLF001  # of BaseEventLoop
                loop._asyncgen_finalizer_hook,  # type: ignore[attr-defined]  # noqa: SLF001
            )

    @contextmanager
    def turning(self) -> Iterator[None]:
        """
        Let a callback be called from within a Task, as by a coroutine that lets time pass.

        The Task's own step is set aside meanwhile: asyncio lets no two be under way.
        """
        loop = self._loop
        task = None if loop is None else asyncio.current_task(loop)
        if loop is None or task is None:
            yield
            return
        _leave_task(loop, task)
        try:
            yield
        finally:
            _enter_task(loop, task)

    def leave(self) -> None:
        """
        Put back what was there before.
        """
        _set_running_loop(self._before)
        sys.set_asyncgen_hooks(*self._hooks)
        if self._loop is not None:
            self._loop.put(False)
            self._loop.close()
