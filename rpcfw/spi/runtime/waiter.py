"""
One future value, for a coroutine that may be driven by Twisted, asyncio or the server.

Theory of operation. A coroutine does not know what drives it. Twisted's driver waits for a
Deferred that is yielded to it, and returns anything else at once. asyncio's Task waits for what
looks like a future, and refuses anything else. So inside a Task's step a `Waiter` yields a
`TaskWait` first. If the same object comes back at once, Twisted is the driver, and the Waiter
yields itself, which is a Deferred. Outside a Task it yields itself directly, and that is the
whole cost with the usual reactor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rpcfw.spi.runtime.affinity import running_loop
from rpcfw.spi.runtime.task_wait import TaskWait

__all__ = ["Waiter", "forget"]

T = TypeVar("T")

#: The states of a waiter whose first callback is not kept beside the list.
_CALLED, _LISTED = (), False


class Waiter(Deferred[T], Generic[T]):
    """
    One future value, awaited by one coroutine, under Twisted or asyncio.

    Fired with `callback` or `errback`. A subclass that must clean up when its
    awaiter is cancelled overrides `cancel`. This costs nothing if it is not cancelled (a
    canceller would be a reference cycle for each call).

    The first callback, that of its awaiter, is kept beside a Deferred's list of callbacks, and
    called directly. The list takes 0.5 us of a unary call's 10. Few waiters have further ones,
    so the list is made when somebody looks for it, and Deferred's constructor, which would make
    it for each, is not called: that takes 60 ns.
    """

    if not TYPE_CHECKING:  # to the type checker a Waiter is made as a Deferred is
        __init__ = object.__init__  # no function of Python's
    _canceller = None
    #: None: there is no callback yet. A tuple: the first one, with its arguments. `_CALLED` or
    #: `_LISTED`, which are false: callbacks go to Deferred's list. It is one attribute, since it
    #: takes 25 ns to read an attribute that only the class has, as `called` at first.
    _first: Any = None

    @cached_property
    def _callbacks(self) -> list[Any]:  # type: ignore[override]  # an attribute, once it is read
        first, self._first = self._first, _LISTED
        callbacks: list[Any] = []
        self._callbacks = callbacks
        if first:
            function, args = first
            super().addBoth(function, *args)
        return callbacks

    # It returns what it is called on, so the type of the value stays what it was.
    def addBoth(self, callback: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N802 - Twisted's
        if self._first is not None or kwargs:
            return super().addBoth(callback, *args, **kwargs)
        self._first = callback, args
        return self

    def callback(self, result: T | Failure) -> None:
        first = self._first
        if not first:
            self._list()
            super().callback(result)
            return
        self._first = _CALLED
        self.called = True
        self.result = result
        self.paused = 1  # callbacks that are added meanwhile follow
        function, args = first
        try:
            after = self.result = function(result, *args)
        except BaseException:  # noqa: BLE001 - a Deferred keeps it for the next callback
            after = self.result = Failure()
        self.paused -= 1
        if self._first is not _CALLED or (after is not None and _is_more(after, result)):
            self._go_on(after)

    def _go_on(self, result: Any) -> None:
        """
        Do what a Deferred does with what its first callback has returned.
        """
        self.called = False
        del self.result
        others, self._callbacks = self._callbacks, []
        super().addBoth(lambda _: result)
        self._callbacks += others
        super().callback(None)  # type: ignore[arg-type]  # the first callback takes anything

    def _list(self) -> list[Any]:
        """
        Go on as any Deferred, with the first callback in its list.
        """
        return self._callbacks

    def errback(self, fail: Failure | BaseException | None = None) -> None:
        self._list()
        super().errback(fail)

    def pause(self) -> None:
        self._list()  # so `callback` need not ask whether it is paused
        super().pause()

    def __await__(self) -> Generator[Any, Any, T]:
        if self.called:
            return (yield from super().__await__())
        loop = running_loop()
        if loop is None or asyncio.current_task(loop) is None:
            # Twisted drives: outside of asyncio's tasks there is nobody else. What it
            # sends back is the result; a generator less than `super` has.
            result: T = yield self
            return result
        wait = TaskWait(self, loop)
        try:
            handed_back = yield wait
        except asyncio.CancelledError:
            self.cancel()
            self.addErrback(forget)  # nobody is left to take it
            raise
        if handed_back is wait:
            # Twisted drives: it has sent it back at once, and is given what it can wait for.
            result = yield self
            return result
        if isinstance(wait.outcome, Failure):  # no name here for it: its traceback has this frame
            wait.raise_failure()
        result = wait.outcome
        return result


def _is_more(returned: object, given: object) -> bool:
    """
    Tell whether a callback has returned what is no plain value.
    """
    # What was given is no Deferred: to look takes 0.3 us, since Deferred is an abstract class.
    return isinstance(returned, Failure) or (
        returned is not given and isinstance(returned, Deferred)
    )


def forget(failure: Failure) -> None:
    """
    Take a failure that nobody waits for.
    """
