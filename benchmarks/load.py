"""
The load, the same for every client: so many calls in flight, each followed by the next.

A call is whatever the client's own library makes of it; what is added here is two
looks at the clock. The same loop runs under asyncio and Twisted, and in threads.
"""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from attrs import define, frozen

__all__ = ["Figures", "Window", "counted", "in_asyncio", "in_coroutines", "in_threads", "streamed"]

Gather = Callable[[Iterable[Coroutine[Any, Any, None]]], Awaitable[Any]]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@define
class Figures:
    """
    What one measurement found. Times of the processor are for one call, in user mode and in all.
    """

    count: int
    took_s: float
    p50_us: float
    p99_us: float
    server_us: float
    server_user_us: float
    client_us: float
    client_user_us: float

    @property
    def per_s(self) -> float:
        return self.count / self.took_s


class Window:
    """
    A stretch of time over which calls are counted, and processor time on both sides.
    """

    def __init__(self, server_pid: int, seconds: float) -> None:
        self._server_pid = server_pid
        self._server = _times_of(server_pid)
        self._client = _own_times()
        self._begun = perf_counter()
        self.until = self._begun + seconds
        self.taken: list[float] = []

    def close(self, count: int | None = None) -> Figures:
        """
        Return the figures, for ``count`` things if not for what is in ``taken``.
        """
        took = perf_counter() - self._begun
        client = _own_times() - self._client
        server = _times_of(self._server_pid) - self._server
        taken = sorted(self.taken) or [0.0]
        counted = len(self.taken) if count is None else count
        if not counted:
            raise RuntimeError("not one call was answered in the time of the measurement")
        return Figures(
            count=counted,
            took_s=took,
            p50_us=taken[len(taken) // 2] * 1e6,
            p99_us=taken[len(taken) * 99 // 100] * 1e6,
            server_us=server.all_s / counted * 1e6,
            server_user_us=server.user_s / counted * 1e6,
            client_us=client.all_s / counted * 1e6,
            client_user_us=client.user_s / counted * 1e6,
        )


@frozen
class _Times:
    """
    Processor time of a process, in user mode and in all.
    """

    user_s: float
    all_s: float

    def __sub__(self, before: _Times) -> _Times:
        return _Times(self.user_s - before.user_s, self.all_s - before.all_s)


def _own_times() -> _Times:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return _Times(usage.ru_utime, usage.ru_utime + usage.ru_stime)


def _times_of(pid: int) -> _Times:
    # After the name, which may hold blanks but is in brackets, fields 14 and 15 of proc(5).
    after = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    user, system = int(after[11]), int(after[12])
    return _Times(user / _TICKS_PER_S, (user + system) / _TICKS_PER_S)


async def in_asyncio(coroutines: Iterable[Coroutine[Any, Any, None]]) -> None:
    """
    Run coroutines side by side under asyncio.
    """
    await asyncio.gather(*coroutines)


async def in_coroutines(
    call: Callable[[], Awaitable[object]], in_flight: int, window: Window, gather: Gather
) -> Figures:
    """
    Call until the window closes.
    """

    async def again_and_again() -> None:
        note, until = window.taken.append, window.until
        begun = perf_counter()
        while begun < until:
            await call()
            ended = perf_counter()
            note(ended - begun)
            begun = ended

    await gather(again_and_again() for _ in range(in_flight))
    return window.close()


async def counted(
    call: Callable[[], Awaitable[object]], in_flight: int, calls: int, gather: Gather
) -> None:
    """
    Make a number of calls, in equal parts side by side.
    """

    async def several() -> None:
        for _ in range(calls // in_flight):
            await call()

    await gather(several() for _ in range(in_flight))


def in_threads(calls: list[Callable[[], object]], window: Window) -> Figures:
    """
    Call until the window closes, a thread for each of ``calls``.
    """

    def again_and_again(call: Callable[[], object]) -> None:
        taken: list[float] = []
        begun = perf_counter()
        while begun < window.until:
            call()
            ended = perf_counter()
            taken.append(ended - begun)
            begun = ended
        window.taken += taken

    with ThreadPoolExecutor(len(calls)) as threads:
        for ended in [threads.submit(again_and_again, call) for call in calls]:
            ended.result()
    return window.close()


async def streamed(messages: AsyncIterator[object], window: Window) -> Figures:
    """
    Read from an endless stream until the window closes.
    """
    count = 0
    async for _ in messages:
        count += 1
        # A look at the clock for each message would be part of what is measured.
        if not count % 64 and perf_counter() > window.until:
            break
    figures = window.close(count)
    with suppress(AttributeError):
        await messages.aclose()  # type: ignore[attr-defined]  # only generators have it
    return figures
