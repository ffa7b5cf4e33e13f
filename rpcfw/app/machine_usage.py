"""
What the system says about the load of this process and its machine.

Linux says it in files. In a container its limits count, if it has any. Elsewhere only the CPU
time of this process is known, with the load average and the number of cores.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rpcfw.spi.runtime.load_reporter import Usage

__all__ = ["usage_reader"]

_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
#: Of the numbers of the first line of /proc/stat: idle, and waiting for I/O.
_IDLE = slice(3, 5)
#: Those after them are parts of the first ones.
_COUNTED = 8


def usage_reader(process_s: Callable[[], float], root: Path = Path("/")) -> Callable[[], Usage]:
    """
    Return what reads the usage of now.

    Args:
        process_s: returns the CPU time of this process.
        root: of the file system.
    """

    def read() -> Usage:
        busy_s, total_s = _cpu(root)
        cores = _cores(root)
        return Usage(
            process_s=process_s(),
            busy_s=busy_s,
            total_s=total_s,
            memory=_group_memory(root) or _memory(root),
            load_average=_load_average(cores),
            cores=cores,
        )

    return read


def _cpu(root: Path) -> tuple[float | None, float | None]:
    """
    Return how long all cores were busy, and how long they have run.
    """
    line = _text(root / "proc/stat").partition("\n")[0]
    try:
        ticks = [int(number) for number in line.split()[1 : 1 + _COUNTED]]
    except ValueError:
        return None, None
    if len(ticks) < _COUNTED:
        return None, None
    total = sum(ticks)
    return (total - sum(ticks[_IDLE])) / _TICKS, total / _TICKS


def _memory(root: Path) -> float | None:
    """
    Return the share of the machine's memory that is in use.
    """
    sizes = {}
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        sizes[name] = rest.split()
    try:
        total, free = int(sizes["MemTotal"][0]), int(sizes["MemAvailable"][0])
        return min(max(1 - free / total, 0.0), 1.0)
    except (KeyError, IndexError, ValueError, ZeroDivisionError):
        return None


def _group_memory(root: Path) -> float | None:
    """
    Return the same of the container's limit (cgroup v2), if it has one.

    Files that nobody used lately are not counted: their memory is free for other uses.
    """
    group = root / "sys/fs/cgroup"
    lines = _text(group / "memory.stat").splitlines()
    counts = {name: value for name, _, value in (line.partition(" ") for line in lines)}
    try:
        limit, used = int(_text(group / "memory.max")), int(_text(group / "memory.current"))
        used -= int(counts.get("inactive_file", 0))
        return min(max(used / limit, 0.0), 1.0)
    except (ValueError, ZeroDivisionError):
        return None


def _cores(root: Path) -> float | None:
    """
    Return how many cores this process may use, by its affinity and the container's limit.
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity is not None else os.cpu_count() or 0)
    quota, _, period = _text(root / "sys/fs/cgroup/cpu.max").partition(" ")
    with suppress(ValueError, ZeroDivisionError):  # there is no limit
        cores = min(cores, int(quota) / int(period))
    return cores or None


def _load_average(cores: float | None) -> float | None:
    """
    Return the load average, as the share of it that falls to the cores of this process.

    The system tells that of the whole machine, also in a container. Beside the few cores of a
    container it would look like an overload.
    """
    try:
        load, machine = os.getloadavg()[0], os.cpu_count()
    except (AttributeError, OSError):
        return None
    return load * min(1.0, cores / machine) if cores and machine else load


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
