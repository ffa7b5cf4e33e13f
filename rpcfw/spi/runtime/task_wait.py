"""
What an asyncio Task waits for while it awaits a Deferred.

Theory of operation. A Task can wait for any object that looks like asyncio's future: it calls
``add_done_callback`` with its own next step. A future of asyncio runs that step in the next turn
of the loop. A `TaskWait` runs it at once, as Twisted does. So all calls whose responses came in
one read continue in that turn, and what they send next is written together. A unary call then
needs no future, no entry in the loop's queue, and one turn of the loop less.

The step is put into the loop's queue after all where it cannot run at once: another Task is
running, which asyncio does not let be interrupted, or the loop itself is not, or something else
runs in the context of the Task, which cannot be entered twice.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, CancelledError, current_task
from collections.abc import Callable
from contextvars import Context
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.spi.runtime.affinity import check_loop, running_loop

__all__ = ["TaskWait"]

_PENDING = object()
_CANCELLED = object()


class TaskWait:
    """
    One wait of one Task.

    Args:
        deferred: what is awaited. Its value stays in it; a failure is taken out.
        loop: the Task's.

    Raises:
        SetupError: no reactor runs in the loop.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_context",
        "_deferred",
        "_loop",
        "_message",
        "_step",
        "outcome",
    )

    def __init__(self, deferred: Deferred[Any], loop: AbstractEventLoop) -> None:
        check_loop(loop)
        # Tasks look for these two attributes.
        self._asyncio_future_blocking = True
        self._loop = loop
        self._deferred: Deferred[Any] | None = deferred
        self._step: Callable[[Any], object] | None = None
        #: The value or the failure, once it is there.
        self.outcome: Any = _PENDING

    # What a Task calls.

    def add_done_callback(
        self, step: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        self._step, self._context = step, context
        if self.outcome is not _PENDING:
            self._run_soon()  # it was cancelled before the Task began to wait
            return
        deferred, self._deferred = self._deferred, None
        assert deferred is not None
        deferred.addBoth(self._settled)

    def cancel(self, msg: Any = None) -> bool:
        """
        Raise a cancellation in the Task; return False if the outcome is there already.
        """
        if self.outcome is not _PENDING:
            return False
        self.outcome, self._message = _CANCELLED, msg
        if self._step is not None:
            self._run_soon()
        return True

    def result(self) -> None:
        """
        Raise the cancellation, if there was one. A Task asks for nothing else here.
        """
        if self.outcome is _CANCELLED:
            raise CancelledError(*([] if self._message is None else [self._message]))

    # What the awaiter calls.

    def raise_failure(self) -> NoReturn:
        """
        Raise the error that came.
        """
        failure, self.outcome = self.outcome, None
        try:
            raise failure.value or RuntimeError("failure without a value")
        finally:
            del failure  # the traceback has this frame: a reference cycle

    # The end of the wait.

    def _settled(self, outcome: Any) -> Any:
        if self.outcome is not _PENDING:
            return outcome
        self.outcome = outcome
        loop, step = self._loop, self._step
        assert step is not None
        if running_loop() is not loop or current_task(loop) is not None or self._context is None:
            self._run_soon()
        else:
            self._step = None
            try:
                self._context.run(step, self)
            except RuntimeError:  # something else runs in its context, though it is no Task
                loop.call_soon(step, self, context=self._context)
            except BaseException as error:  # noqa: BLE001  # a Task lets only pass what ends a loop
                loop.call_soon(_raise, error)
        return None if isinstance(outcome, Failure) else outcome

    def _run_soon(self) -> None:
        step, self._step = self._step, None
        assert step is not None
        self._loop.call_soon(step, self, context=self._context)


def _raise(error: BaseException) -> None:
    """
    Raise what ends the loop, as SystemExit, where no Deferred keeps it.
    """
    raise error
