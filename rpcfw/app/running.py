"""
Running one coroutine in the reactor, to its end, as the whole of a program.

Theory of operation. SIGINT and SIGTERM cancel the coroutine, which asks it to
end; it may then end normally and return. A second signal ends the process at
once, whatever it is doing. Code of the user's that stops the reactor means the same as a
signal: the coroutine is cancelled, and the reactor runs until it has ended.
"""

from __future__ import annotations

import inspect
import os
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.app.late_reactor import LateReactor
from rpcfw.app.pool_threads import make_daemons, take_over_join
from rpcfw.errors import ContractError, SetupError
from rpcfw.spi.runtime.waiting import CANCELLED, running_loop, spawn

__all__ = ["check_coroutine", "check_main", "force_by_signal", "run_to_end"]

T = TypeVar("T")


def run_to_end(reactor: Any, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """
    Run the reactor for as long as ``main`` takes; return what that returns.

    Args:
        reactor: Twisted's, not running; it cannot be run again. Outside of the main thread
            signals are left to whoever has that.
        main: awaits Deferreds, and asyncio's things if the reactor is asyncio's.

    Raises:
        SetupError: it cannot run here, or not again; or the reactor was stopped before
            ``main`` had ended.
        KeyboardInterrupt: SIGINT ended it.
        SystemExit: SIGTERM ended it.
        BaseException: what ``main`` raised.
    """
    if running_loop() is not None:
        raise SetupError(
            "an asyncio loop runs here, which this would stop: start the application in it, "
            "as by: async with app: ..."
        )
    real = reactor.get() if isinstance(reactor, LateReactor) else reactor
    if real.running:
        raise SetupError(
            "the reactor runs already: start the application in it, as by: async with app: ..."
        )
    if real._startedBefore:  # noqa: SLF001  # no public name
        raise SetupError(
            "the reactor has run, and Twisted's runs once in a process: do all in one "
            "coroutine, or use rpcfw.blocking, whose reactor goes on"
        )
    return _Run(real, main).to_end()


def force_by_signal() -> None:
    """
    From now on have SIGINT and SIGTERM end the process at once, whatever it is doing.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _force)


def _force(number: int, frame: object) -> None:
    # Not through the reactor: it may be what hangs.
    os._exit(128 + number)


def check_main(main: object) -> None:
    """
    See that it is a function to be called for a coroutine.

    Raises:
        ContractError: says what it is.
    """
    if inspect.iscoroutine(main):
        name = main.__name__
        main.close()
        raise ContractError(
            f"run takes the function, not what it returns: run({name}), without () behind the name"
        )
    if not callable(main):
        raise ContractError(f"run takes a coroutine function, as async def main(); got {main!r}")


def check_coroutine(main: object, made: object) -> None:
    """
    See that what a function has returned can be run.

    Raises:
        ContractError: names the function.
    """
    if not inspect.isawaitable(made):
        name = getattr(main, "__name__", repr(main))
        raise ContractError(
            f"{name} returned {made!r:.60}, which cannot be awaited: write async def {name}"
        )


class _Run(Generic[T]):
    log = Logger()

    def __init__(self, reactor: Any, main: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._reactor = reactor
        self._main = main
        self._running: Deferred[T] | None = None
        self._signal = 0
        self._result: Any = Failure(CANCELLED[0]())
        #: The reactor is being stopped, and waits for it.
        self._over: Deferred[None] | None = None
        self._process = os.getpid()
        self._signals = threading.current_thread() is threading.main_thread()

    def to_end(self) -> T:
        # In its first turn: a loop of asyncio's does not run before.
        self._reactor.callLater(0, self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._stopped)
        make_daemons(self._reactor)
        join = take_over_join(self._reactor)
        self._reactor.run(installSignalHandlers=self._signals)
        join()
        if not isinstance(self._result, Failure):
            result: T = self._result
            return result
        error: BaseException = self._result.value  # type: ignore[assignment]  # a failure has one
        if self._signal and isinstance(error, CANCELLED):
            if self._signal == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(128 + self._signal)
        if self._running is None or (self._over is not None and isinstance(error, CANCELLED)):
            raise SetupError(
                "the reactor was stopped before main had ended, so that was cancelled: leave "
                "reactor.stop() out, and return from main instead"
            )
        raise error

    def _begin(self) -> None:
        # Twisted has set handlers of its own by now, which would stop the reactor.
        for number in (signal.SIGINT, signal.SIGTERM) if self._signals else ():
            signal.signal(number, self._signalled)
        self._running = spawn(self._main())
        self._running.addBoth(self._ended)

    def _signalled(self, number: int, frame: object) -> None:
        if self._process != os.getpid():
            # A forked child, whose parent alone this coroutine belongs to.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        if self._signal:
            _force(number, frame)
        self._signal = number
        self._reactor.callFromThread(self._give_up)

    def _give_up(self) -> None:
        name = signal.Signals(self._signal).name
        self.log.info("{name} asks this process to end; another one ends it at once", name=name)
        if self._running is not None:
            self._running.cancel()

    def _stopped(self) -> Deferred[None] | None:
        """
        The reactor ends: for `_ended`, or because somebody else has stopped it.
        """
        running = self._running
        if running is None or running.called:
            return None
        over = self._over = Deferred()
        running.cancel()
        return over

    def _ended(self, result: Any) -> None:
        self._result = result
        if self._over is not None:
            self._over.callback(None)
            return
        with suppress(ReactorNotRunning):  # it was stopped in this very turn
            self._reactor.stop()
