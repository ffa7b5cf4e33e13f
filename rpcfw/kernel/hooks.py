"""
The code of others that runs as a process comes and goes: of plugins and of services.

Theory of operation. A hook runs on its own, beside the start or the stop that waits for
it, and is waited for under a limit. So one that raises, hangs, ignores that it is
cancelled, or lets a cancellation of something of its own escape is its own trouble: the
stop goes on with the next one. Only a start is broken off, and then what was started is
stopped. What has not started is not notified that the server leaves, and not stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import DeadlineExceeded, SetupError
from rpcfw.spi.hooks import run_hook
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn, with_deadline
from rpcfw.spi.service import Service

__all__ = ["Hooks"]

T = TypeVar("T")

#: A start that waits so long for one hook says for which.
_SLOW_S = 10.0


class _Running(Waiter["BaseException | None"]):
    """
    A hook that runs. Awaiting it gives what it raised, and raises nothing of the hook's.
    """

    def __init__(self, what: str, hook: Callable[[], Any]) -> None:
        super().__init__()
        self.what = what
        self._hook = spawn(_exit_caught(hook))
        self._hook.addBoth(self._ended)

    async def end(self) -> BaseException | None:
        return await self

    def cancel(self) -> None:
        # First who waits: the end of the hook would look like the result that it waits for.
        super().cancel()
        self._hook.cancel()

    def abandon(self) -> None:
        """
        Cancel it, unless it has ended. Nobody waits for it any longer.
        """
        if not self.called:
            self.addErrback(lambda _: None)
            self.cancel()

    def _ended(self, result: Any) -> None:
        if not self.called:
            self.callback(result.value if isinstance(result, Failure) else result)


class Hooks:
    """
    Runs the hooks of one owner's plugins, and of its services.

    Args:
        timers: what limits are measured with.
        startup_timeout_s: how long each may take at the start.
        cleanup_timeout_s: how long each may take at the end.
    """

    log = Logger()

    def __init__(
        self, timers: Timers, startup_timeout_s: float = 300.0, cleanup_timeout_s: float = 5.0
    ) -> None:
        self._timers = timers
        self._startup_timeout_s = startup_timeout_s
        self._cleanup_timeout_s = cleanup_timeout_s
        self._services: list[Service] = []
        self._to_stop: list[tuple[str, Callable[[], Any]]] = []
        self._leaving: list[_Running] = []

    async def start(self, plugins: Sequence[Plugin], services: Sequence[Service] = ()) -> None:
        """
        Start each, in this order. What raises breaks this off.

        Raises:
            SetupError: one took too long.
            BaseException: what one raised.
        """
        for plugin in plugins:
            name = type(plugin).__name__
            # Not beside this: calls wait for a start, and may not be a turn ahead of it.
            await self._in_time(f"{name}.start()", run_hook(plugin.start))
            self._to_stop.append((f"{name}.stop()", plugin.stop))
        for service in services:
            await self._begun(_Running(_of(service, "started"), service.started))
            self._services.append(service)
            self._to_stop.append((_of(service, "stopped"), service.stopped))

    async def ready(self) -> None:
        """
        Return once each service says that it is ready. They are asked at the same time.

        Raises:
            SetupError: one took too long.
            BaseException: what one raised.
        """
        asked = [_Running(_of(service, "ready"), service.ready) for service in self._services]
        try:
            for hook in asked:
                await self._begun(hook)
        finally:
            for hook in asked:
                hook.abandon()

    def leave(self) -> None:
        """
        Tell the services that the server begins to stop; see `left`.
        """
        self._leaving = [
            _Running(_of(service, "leaving"), service.leaving) for service in self._services
        ]

    async def left(self, deadline: float) -> None:
        """
        Return once each service has done what it does about that, or at the deadline.
        """
        running, self._leaving = self._leaving, []
        for hook in running:
            await self._end(hook, deadline)

    async def stop(self) -> None:
        """
        Stop what was started, the last first.
        """
        while self._to_stop:
            what, hook = self._to_stop.pop()
            await self._end(_Running(what, hook), self._timers.seconds() + self._cleanup_timeout_s)

    async def stop_plugin(self, plugin: Plugin) -> None:
        """
        Stop one that was started, if it was not stopped before.
        """
        for entry in self._to_stop:
            if entry[1] == plugin.stop:
                self._to_stop.remove(entry)
                what, hook = entry
                deadline = self._timers.seconds() + self._cleanup_timeout_s
                await self._end(_Running(what, hook), deadline)
                return

    async def _begun(self, hook: _Running) -> None:
        """
        Return once a hook of a start has ended; raise what it raised.
        """
        error = await self._in_time(hook.what, hook.end())
        if isinstance(error, CANCELLED):
            # Raised as it is it would say that somebody has cancelled the start.
            raise SetupError(f"{hook.what} let the cancellation of something of its own escape")
        if error is not None:
            raise error

    async def _in_time(self, what: str, starting: Coroutine[Any, Any, T]) -> T:
        now = self._timers.seconds
        began_at = now()
        slow = _Slow(what)
        self._timers.watch(began_at + _SLOW_S, slow)
        deadline = began_at + self._startup_timeout_s
        try:
            return await with_deadline(starting, self._timers, deadline)
        except DeadlineExceeded:
            if now() < deadline:
                raise  # of a call that it made
            limit_s = self._startup_timeout_s
            raise SetupError(
                f"{what} had not ended within startup_timeout of {limit_s:g} s"
            ) from None
        finally:
            self._timers.forget(began_at + _SLOW_S, slow)

    async def _end(self, running: _Running, deadline: float) -> None:
        began_at = self._timers.seconds()
        try:
            error = await with_deadline(running.end(), self._timers, deadline)
        except DeadlineExceeded:
            self.log.warn(
                "{what} had not ended after {waited:.3g} s and was given up",
                what=running.what,
                waited=self._timers.seconds() - began_at,
            )
            return
        if error is not None:
            self.log.failure("{what} failed", Failure(error), what=running.what)


class _Slow:
    """
    Tells the log which hook a start waits for.
    """

    log = Logger()

    def __init__(self, what: str) -> None:
        self._what = what

    def expire(self) -> None:
        self.log.warn("the start still waits for {what}", what=self._what)


async def _exit_caught(hook: Callable[[], Any]) -> SystemExit | None:
    """
    Run a hook. One that asks for the end of the process would end asyncio's loop at once.
    """
    try:
        await run_hook(hook)
    except SystemExit as error:
        return error
    return None


def _of(service: Service, hook: str) -> str:
    return f"{type(service).__qualname__}.{hook}()"
