"""
Metrics of the process itself: what the system and the interpreter say of it.

Their names are those of Prometheus's client libraries, so dashboards and alerts of the field fit.
All of it is looked up when somebody reads it. Where the system does not say something, as the
number of open files elsewhere than on Linux, its metric has no value.
"""

from __future__ import annotations

import gc
import os
import platform
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, RUSAGE_SELF, getrlimit, getrusage

from rpcfw.app.heartbeat import Heartbeat
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Counter as MetricCounter
from rpcfw.spi.runtime.metrics import Meter, Observed

__all__ = ["GarbagePauses", "observe_process"]

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Values = Iterator[tuple[tuple[str, ...], float]]


def observe_process(context: PluginContext) -> None:
    """
    Declare the metrics of this process that are looked up.
    """
    meter, application, started_at = context.meter, context.application, context.time_of_day()
    lost_s = context.pauses.lost_s
    lag = meter.histogram(
        "rpcfw_reactor_lag_seconds", "how late the reactor calls a timer of four times a second"
    )
    if isinstance(context.pauses, Heartbeat):
        context.pauses.lag = lag.of()
    _observe_system(meter)
    _observe_interpreter(meter)
    meter.observed_gauge(
        "process_start_time_seconds", "when the process began, in seconds since 1970"
    ).add(lambda: [((), started_at)])
    meter.observed_counter(
        "rpcfw_reactor_paused_seconds_total", "time in which the process was paused for over 0.1 s"
    ).add(lambda: [((), lost_s())])
    meter.observed_gauge("rpcfw_info", "always 1: what runs here", "application", "version").add(
        lambda: [((application, _version()), 1)]
    )


def _observe_system(meter: Meter) -> None:
    meter.observed_counter("process_cpu_seconds_total", "CPU time that the process has used").add(
        _cpu
    )
    meter.observed_gauge(
        "process_resident_memory_bytes", "memory of the process that is in RAM"
    ).add(lambda: _of_memory(1))
    meter.observed_gauge("process_virtual_memory_bytes", "address space of the process").add(
        lambda: _of_memory(0)
    )
    meter.observed_gauge("process_open_fds", "open files and sockets").add(_open_files)
    meter.observed_gauge("process_max_fds", "the most that may be open").add(_max_files)


def _observe_interpreter(meter: Meter) -> None:
    meter.observed_gauge(
        "python_info", "always 1: the interpreter", "implementation", "version"
    ).add(lambda: [((platform.python_implementation(), platform.python_version()), 1)])
    meter.observed_gauge("python_threads", "threads that Python knows").add(
        lambda: [((), threading.active_count())]
    )
    each: tuple[tuple[Observed[MetricCounter], str], ...] = (
        (
            meter.observed_counter(
                "python_gc_collections_total", "garbage collections", "generation"
            ),
            "collections",
        ),
        (
            meter.observed_counter(
                "python_gc_objects_collected_total", "objects that were collected", "generation"
            ),
            "collected",
        ),
        (
            meter.observed_counter(
                "python_gc_objects_uncollectable_total",
                "objects that could not be collected",
                "generation",
            ),
            "uncollectable",
        ),
    )
    for family, key in each:
        family.add(partial(_of_generations, key))


def _of_generations(key: str) -> Values:
    for generation, counts in enumerate(gc.get_stats()):
        yield (str(generation),), counts[key]


def _cpu() -> Values:
    usage = getrusage(RUSAGE_SELF)
    yield (), usage.ru_utime + usage.ru_stime


def _of_memory(column: int) -> Values:
    with suppress(OSError, ValueError, IndexError):
        yield (), int(Path("/proc/self/statm").read_text("ascii").split()[column]) * _PAGE_BYTES


def _open_files() -> Values:
    with suppress(OSError):
        # One of them is the folder that is listed here.
        yield (), len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208  # of names alone


def _max_files() -> Values:
    limit = getrlimit(RLIMIT_NOFILE)[0]
    if limit != RLIM_INFINITY:
        yield (), limit


def _version() -> str:
    with suppress(PackageNotFoundError):
        return version("rpcfw")
    return "unknown"


class GarbagePauses:
    """
    Measures how long the garbage collector stops the process.

    Args:
        meter: of the process.
        seconds: the clock.
    """

    def __init__(self, meter: Meter, seconds: Callable[[], float]) -> None:
        family = meter.histogram(
            "python_gc_pause_seconds", "time that a garbage collection took", "generation"
        )
        self._seconds = seconds
        self._of = [family.of(str(generation)) for generation in range(3)]
        self._began = 0.0

    async def start(self) -> None:
        gc.callbacks.append(self._noted)

    async def stop(self) -> None:
        if self._noted in gc.callbacks:
            gc.callbacks.remove(self._noted)

    def _noted(self, phase: str, facts: dict[str, int]) -> None:
        if phase == "start":
            self._began = self._seconds()
        else:
            self._of[facts["generation"]].observe(self._seconds() - self._began)
