"""
The processes of a run, and what the system says of them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Process", "Running", "Worker", "free_ports", "listening_at", "progress", "until"]

_ROOT = Path(__file__).parent.parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


def progress(text: str) -> None:
    """
    Show what is done now.
    """
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def free_ports(count: int) -> list[int]:
    """
    Return ports that nobody listens at.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def until(done: Callable[[], bool], what: str, limit_s: float) -> float:
    """
    Return after how many seconds something is so.

    Raises:
        TimeoutError: it is not, in time.
    """
    begun, pause_s = time.monotonic(), 0.02
    while not done():
        if time.monotonic() - begun > limit_s:
            raise TimeoutError(f"not within {limit_s:g}s: {what}")
        time.sleep(pause_s)
        pause_s = min(0.2, 2 * pause_s)
    return time.monotonic() - begun


def listening_at(port: int) -> int:
    """
    Return the process of this machine that listens at a port.

    Raises:
        LookupError: there is none, or it is of another user.
    """
    listens = f":{port:04X}"
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text("ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(listens) and fields[3] == "0A":
                inodes.add(f"socket:[{fields[9]}]")
    for file in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(file.readlink()) in inodes:
                return int(file.parts[2])
    raise LookupError(f"no process of this user listens at port {port}")


class Running:
    """
    What the system says of a process.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def cpu_s(self) -> float:
        """
        Processor time so far.
        """
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self, name: str = "VmRSS") -> float:
        """
        Return memory in MiB: now, or at its highest (``VmHWM``).
        """
        for line in Path(f"/proc/{self.pid}/status").read_text("ascii").splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) / 1024
        raise LookupError(name)


class Process(Running):
    """
    A process that is killed when the block ends.
    """

    def __init__(self, *command: str) -> None:
        path = os.pathsep.join((str(_ROOT), str(_ROOT / "plugins")))
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        super().__init__(self._process.pid)

    def kill(self) -> None:
        """
        Kill it, and wait for its end.
        """
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


class Worker(Process):
    """
    A process of ours, that takes orders.
    """

    def __init__(self, module: str, job: dict[str, Any]) -> None:
        name = f"benchmarks.registry_scale.{module}"
        super().__init__(sys.executable, "-m", name, json.dumps(job))
        self._name = module

    def ask(self, do: str, **fields: Any) -> dict[str, Any]:
        """
        Give an order, and return the answer.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process {self._name} ended; see above")
        found: dict[str, Any] = json.loads(line)
        return found
