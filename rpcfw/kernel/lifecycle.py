"""
Starting and stopping the parts of a process, in order and under a limit.

Theory of operation. A `Tree` goes one way through its states::

    state     event                     next
    NEW       start                     STARTING
    NEW       stop                      STOPPED
    STARTING  every part is up          RUNNING
    STARTING  a part failed, or stop    STOPPING
    RUNNING   stop                      STOPPING
    STOPPING  every part is down        STOPPED

STARTING goes through the parts in their order, from the ground up; STOPPING through
those that are up, in reverse. A part whose start failed or was cut short is not
stopped: it has cleaned up after itself. Whoever asks for `stop` again waits for the
same end.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from enum import Enum, auto
from typing import Any, Protocol

from attrs import frozen
from twisted.logger import Logger

from rpcfw.errors import DeadlineExceeded, SetupError
from rpcfw.spi.hooks import run_hook
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn, with_deadline

__all__ = ["NamedPart", "Part", "Tree"]

_log = Logger()


class Part(Protocol):
    """
    Something that is started once and stopped once.
    """

    @property
    def name(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@frozen
class NamedPart:
    """
    A part made of two functions, as of a plugin, which has no name of its own.
    """

    name: str
    on_start: Callable[[], Coroutine[Any, Any, None]]
    on_stop: Callable[[], Coroutine[Any, Any, None]]

    async def start(self) -> None:
        await run_hook(self.on_start)

    async def stop(self) -> None:
        await run_hook(self.on_stop)


class _State(Enum):
    NEW = auto()
    STARTING = auto()
    RUNNING = auto()
    STOPPING = auto()
    STOPPED = auto()


_ONCE = "an application starts once"

#: Why a start is refused.
_NOT_NEW = {
    _State.STARTING: f"this application is being started already, and {_ONCE}: await that start",
    _State.RUNNING: f"this application runs already, and {_ONCE}: leave out the second start "
    "(app.run, rpcfw.blocking and `async with app` start it themselves)",
    _State.STOPPING: f"this application is being stopped, and {_ONCE}: make a new one",
    _State.STOPPED: f"this application has stopped, and {_ONCE}: make a new one",
}


class _Start(Waiter[None]):
    """
    The start of one part, which `Tree.stop` may cut short.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        super().__init__()
        self._running = spawn(coroutine)
        self._running.addCallbacks(self.callback, self.errback)

    def cancel(self) -> None:
        self._running.cancel()


class Tree:
    """
    Parts, each of which depends on those before it.

    Args:
        parts: the ground first.
        timers: what limits are measured with.
        limit_s: how long stopping may take in all, unless `stop` is given another.
    """

    def __init__(self, parts: Iterable[Part], timers: Timers, limit_s: float = 10.0) -> None:
        self._parts = tuple(parts)
        self._timers = timers
        self._limit_s = limit_s
        self._state = _State.NEW
        self._up: list[Part] = []
        self._starting: _Start | None = None
        self._start_over: Waiter[None] = Waiter()
        self._stopped = Event()

    @property
    def running(self) -> bool:
        """
        Whether every part is up and no stop has begun.
        """
        return self._state is _State.RUNNING

    @property
    def stopping(self) -> bool:
        """
        Whether a stop has begun, or is over.
        """
        return self._stop_has_begun()

    def check_new(self) -> None:
        """
        See that it was not started before.

        Raises:
            SetupError: it was, or was stopped.
        """
        if self._state is not _State.NEW:
            raise SetupError(_NOT_NEW[self._state])

    async def start(self) -> None:
        """
        Start every part. If one fails, stop those that are up and raise its error.

        Raises:
            SetupError: says which part did not start; what it raised is the cause. Or this
                was started before.
            CancelledError: `stop` cut this short.
        """
        self.check_new()
        self._state = _State.STARTING
        try:
            for part in self._parts:
                await self._start_part(part)
        except BaseException:
            # If `stop` cut this short, it undoes it too.
            if not self._stop_has_begun():
                self._state = _State.STOPPING
                await self._take_down(self._timers.seconds() + self._limit_s)
            raise
        else:
            self._state = _State.RUNNING
        finally:
            self._start_over.callback(None)

    async def stop(self, limit_s: float | None = None) -> None:
        """
        Stop every part that is up, the roof first; a start under way is cut short.

        A part that is not done when the time is over is named in a warning and given
        up. Nothing is raised.

        Args:
            limit_s: how long this may take in all.
        """
        if self._state is _State.STOPPED:
            return
        if self._state is _State.STOPPING:
            await self._stopped.wait()
            return
        deadline = self._timers.seconds() + (self._limit_s if limit_s is None else limit_s)
        self._state = _State.STOPPING
        if self._starting is not None:
            await self._cut_short(self._starting, deadline)
        await self._take_down(deadline)

    async def _start_part(self, part: Part) -> None:
        self._starting = _Start(part.start())
        try:
            await self._starting
        except CANCELLED:
            raise
        except Exception as error:
            message = str(error) or type(error).__name__
            raise SetupError(f"{part.name} did not start: {message}") from error
        finally:
            self._starting = None
        self._up.append(part)
        if self._stop_has_begun():
            if self._state is _State.STOPPED:  # `stop` has given up waiting for this part
                await self._take_down(self._timers.seconds() + self._limit_s)
            raise SetupError("it was stopped while it started")

    def _stop_has_begun(self) -> bool:
        return self._state in (_State.STOPPING, _State.STOPPED)

    async def _cut_short(self, starting: _Start, deadline: float) -> None:
        async def over() -> None:
            await self._start_over

        starting.cancel()
        try:
            await with_deadline(over(), self._timers, deadline)
        except DeadlineExceeded:
            _log.warn("a part was still starting when the time for stopping was over")

    async def _take_down(self, deadline: float) -> None:
        try:
            while self._up:
                await self._stop_part(self._up.pop(), deadline)
        finally:
            self._state = _State.STOPPED
            self._stopped.set()

    async def _stop_part(self, part: Part, deadline: float) -> None:
        try:
            await with_deadline(part.stop(), self._timers, deadline)
        except DeadlineExceeded:
            _log.warn("{part} did not stop in time and was given up", part=part.name)
        except CANCELLED:
            _log.warn("stopping {part} was cancelled", part=part.name)
        except Exception:  # noqa: BLE001  # logged; the other parts are stopped all the same
            _log.failure("{part} failed to stop", part=part.name)
