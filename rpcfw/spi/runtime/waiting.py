"""
Waiting, for coroutines that may be driven by Twisted, asyncio or the server.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.runtime.affinity import running_loop
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.task_wait import TaskWait
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiter import Waiter, forget

__all__ = [
    "CANCELLED",
    "Waiter",
    "bridge",
    "give_up",
    "run_detached",
    "running_loop",
    "sleep",
    "spawn",
    "with_deadline",
]

T = TypeVar("T")

#: Cancellation, as each driver raises it.
CANCELLED = (CancelledError, asyncio.CancelledError)


class _Sleep(Waiter[None]):
    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__()
        self._delayed = clock.callLater(seconds, self._wake)

    def _wake(self) -> None:
        self._delayed = None  # it holds this, and a circle would have to be collected
        self.callback(None)

    def cancel(self) -> None:
        delayed, self._delayed = self._delayed, None
        if delayed is not None:
            delayed.cancel()
        super().cancel()


async def sleep(clock: Clock, seconds: float) -> None:
    """
    Return after ``seconds`` of ``clock``.
    """
    await _Sleep(clock, seconds)


def give_up(waited: Any) -> None:
    """
    Cancel what a coroutine waits for: a Deferred, or asyncio's future.

    A Deferred's own canceller may fail. Then the coroutine that waits gets the error. The caller
    does not get it: it ends a call, a connection or a process, and must continue.
    """
    try:
        waited.cancel()
    except Exception:  # whatever the canceller, which others have written, fails with
        if not isinstance(waited, Deferred) or waited.called:
            raise
        waited.errback(Failure())


class _Limit:
    """
    What `with_deadline` has the timers watch.
    """

    __slots__ = ("expired", "reported", "waited")

    def __init__(self) -> None:
        self.waited: Any = None
        self.expired = False
        #: The coroutine was cancelled: once, so that it can wait while it cleans up.
        self.reported = False

    def expire(self) -> None:
        self.expired = True
        # asyncio's sleep(0) waits for nothing that could be cancelled.
        if self.waited is not None:
            give_up(self.waited)


class CanExpire(Protocol):
    """
    What notes that its deadline has passed.
    """

    expired: bool | None


@types.coroutine
def with_deadline(
    coroutine: Coroutine[Any, Any, T],
    timers: Timers,
    deadline: float,
    notes: CanExpire | None = None,
) -> Generator[Any, Any, T]:
    """
    Await ``coroutine``, giving it up when ``deadline`` has passed.

    It forwards whatever the coroutine waits for to the driver, and remembers it:
    that is what it cancels when the time is over. So one limit covers everything
    below, the waits of users' own filters too, without a further Deferred.

    Beside asyncio a future is done before its awaiter goes on. If the time is over in
    between, there is nothing to cancel: the awaiter gets its value, and may end with it.
    If it waits for anything more, that is cancelled at once.

    Args:
        notes: gets ``expired`` if the time is over; the cancellation is raised then.

    Raises:
        DeadlineExceeded: the time was over, and nothing notes that. Its message is for the caller
            to set.
    """
    limit = _Limit()
    timers.watch(deadline, limit)
    step: Callable[[Any], Any] = coroutine.send
    argument: Any = None
    try:
        while True:
            try:
                waited = limit.waited = step(argument)
            except StopIteration as stop:
                result: T = stop.value
                return result
            except CANCELLED:
                if not limit.expired:
                    raise
                if notes is None:
                    raise DeadlineExceeded("") from None
                notes.expired = True
                raise
            if limit.expired and not limit.reported:
                if waited is None:
                    limit.reported = True
                    step, argument = coroutine.throw, asyncio.CancelledError()
                    continue
                give_up(waited)
            try:
                argument = yield waited
                step = coroutine.send
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - the coroutine is to see it
                step, argument = coroutine.throw, error
                limit.reported = limit.reported or (limit.expired and isinstance(error, CANCELLED))
    finally:
        timers.forget(deadline, limit)


def spawn(coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
    """
    Run ``coroutine`` concurrently with the caller.

    Where an asyncio loop runs, it runs as a Task of it, so that it may await
    asyncio's things as well as Deferreds; else Twisted drives it.
    """
    loop = running_loop()
    if loop is None:
        return Deferred.fromCoroutine(coroutine)
    task = loop.create_task(asyncio_bridge(coroutine))
    task.add_done_callback(lambda _: coroutine.close())  # it may never have been begun
    return Deferred.fromFuture(task)


class _Apart(Waiter[T]):
    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        super().__init__()
        self._running = spawn(coroutine)
        self._running.addCallbacks(self.callback, self.errback)

    def cancel(self) -> None:
        self._running.cancel()


async def run_detached(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    Await a coroutine that awaits Deferreds, under Twisted or asyncio.

    If the wait is cancelled, the coroutine is cancelled.
    """
    return await _Apart(coroutine)


@types.coroutine
def bridge(coroutine: Coroutine[Any, Any, T], waited: Any) -> Generator[Any, Any, T]:
    """
    Continue a coroutine that awaits Deferreds, in an asyncio Task.

    Args:
        coroutine: has been started.
        waited: the first thing that it waits for.
    """
    step: Callable[[Any], Any]
    argument: Any
    while True:
        try:
            # First what most are: `isinstance` of a Deferred takes 0.3 us.
            if waited.__class__ is TaskWait or not isinstance(waited, Deferred):
                argument = yield waited
            else:
                argument = yield from _await_in_task(waited)
            step = coroutine.send
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:  # noqa: BLE001 - the coroutine is to see it
            step, argument = coroutine.throw, error
        try:
            waited = step(argument)
        except StopIteration as stop:
            result: T = stop.value
            return result
        except BaseException:
            argument = None  # it may be this error, whose traceback has this frame: a cycle
            raise


def _await_in_task(deferred: Deferred[Any]) -> Generator[Any, Any, Any]:
    wait = TaskWait(deferred, asyncio.get_running_loop())
    try:
        yield wait
    except asyncio.CancelledError:
        deferred.cancel()
        deferred.addErrback(forget)  # nobody is left to take it
        raise
    if isinstance(wait.outcome, Failure):
        wait.raise_failure()
    return wait.outcome


async def asyncio_bridge(coroutine: Coroutine[Any, Any, T]) -> T:
    """
    Make a coroutine that awaits Deferreds fit for an asyncio Task.
    """
    try:
        waited = coroutine.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    return await bridge(coroutine, waited)


async def as_coroutine(value: Awaitable[T]) -> T:
    """
    Await anything awaitable, as a coroutine.
    """
    return await value
