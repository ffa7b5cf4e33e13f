"""
Where the coroutines of an application may be awaited: in its reactor's thread and loop.

Theory of operation. What a coroutine awaits is fired by the reactor. Awaited elsewhere,
as in a second `asyncio.run` or in another thread, it would hang past every time limit,
for the limits are on the reactor's clock too; and what it does to a connection on its way
there is not safe from threads. So an application is bound to its place when it starts,
each call compares where it runs with that, and each wait in an asyncio loop asks whether
a reactor is there to end it.
"""

from __future__ import annotations

import threading
from asyncio.events import _get_running_loop as running_loop
from collections.abc import Callable
from threading import get_ident
from typing import Any
from weakref import WeakSet

from rpcfw.errors import SetupError

__all__ = ["Affinity", "check_loop", "running_loop"]

#: Of all applications that were bound, for a fork to unbind in the child.
_known: WeakSet[Affinity] = WeakSet()
#: Those that run on a real reactor now, each with that one's loop, if it has one. While
#: there are none, every loop will do.
_running: dict[Affinity, Any] = {}

_FORKED = (
    "this process was forked from the one that made the application, whose connections "
    "are not its own: make a new application in the child"
)


class Affinity:
    """
    One application's place.

    It is anywhere before the application starts. ``current() != expected`` tells whether
    the one who asks is somewhere else: the comparison is for callers to write out, as it
    is made once a call.
    """

    __slots__ = ("__weakref__", "_forked", "_loop", "_thread", "current", "expected")

    def __init__(self) -> None:
        self.current: Callable[[], Any] = bool
        self.expected: Any = False
        self._loop: Any = None
        self._thread = ""
        self._forked = False

    def bind(self, loop: Any, *, real: bool) -> None:
        """
        Bind to the place where this is called.

        Args:
            loop: the reactor's, None if it has none.
            real: the reactor is Twisted's, not a test's clock.
        """
        self._loop, self._thread = loop, threading.current_thread().name
        here = running_loop()
        if here is None:
            self.current, self.expected = get_ident, get_ident()
        else:
            self.current, self.expected = running_loop, here
        _known.add(self)
        if real:
            _running[self] = loop

    def release(self) -> None:
        """
        The application has stopped.
        """
        _running.pop(self, None)

    def check(self, what: str) -> None:
        """
        Raise if this is not the place.

        Args:
            what: is awaited here, for the error.

        Raises:
            SetupError: says where it is and where it should be.
        """
        if self.current() != self.expected:
            raise self.misplaced(what)

    def misplaced(self, what: str) -> SetupError:
        """
        Return the error of something that is awaited at another place.
        """
        return SetupError(_FORKED if self._forked else f"{what} is awaited {self._why()}")

    def _why(self) -> str:
        loop, thread = self._loop, self._thread
        if loop is None:
            came = "in an asyncio loop" if running_loop() is not None else "in another thread"
            return (
                f"{came} of the thread {threading.current_thread().name!r}, but its "
                f"application runs on Twisted's reactor in the thread {thread!r}: await it "
                "there, as by reactor.callFromThread, or use rpcfw.blocking in threads"
            )
        if loop.is_closed():
            return (
                "after the asyncio loop of its application was closed: make and start an "
                "application in each asyncio.run, or do all in one"
            )
        return (
            f"outside of its application's asyncio loop, which runs in the thread {thread!r}: "
            "await it there, from other threads by asyncio.run_coroutine_threadsafe"
        )

    def fork(self) -> None:
        """
        Have no place any more: the application is that of a parent process.
        """
        self._forked = True
        self.current, self.expected = bool, None


def check_loop(loop: Any) -> None:
    """
    Raise if no reactor runs in an asyncio loop, although applications run elsewhere.

    Raises:
        SetupError: says where they run.
    """
    if not _running or loop in _running.values():
        return
    raise next(iter(_running)).misplaced("something of rpcfw's")


def fork() -> None:
    """
    Leave no application a place: all are those of a parent process.
    """
    _running.clear()
    for one in tuple(_known):
        one.fork()
