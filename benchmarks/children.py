"""
The parent's side: processes on their cores, told what to measure, and ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["BEGIN_S", "Child", "ChildError", "cores", "running"]

#: How long a child may take over and above what it measures.
_PATIENCE_S = 60
#: And to begin: Maven downloads Dubbo the first time.
BEGIN_S = {"dubbo-java": 300.0}
_ROOT = Path(__file__).parent.parent


class ChildError(Exception):
    """
    A child did not do its job; holds what it last wrote to standard error.
    """


def cores() -> tuple[int, int]:
    """
    Return a core for servers and another for clients; the same if there is but one.
    """
    usable = sorted(os.sched_getaffinity(0))
    return usable[0], usable[min(1, len(usable) - 1)]


class Child:
    """
    One process.

    Args:
        job: what it is to do.
        through: the command that runs it; empty: nothing stands between.
    """

    def __init__(self, job: Mapping[str, Any], through: Sequence[str] = ()) -> None:
        self._name = f"{job['peer']} ({job['role']})"
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it ends with the child
        # Ours first, then whatever the caller has: an installed rpcfw is no source tree.
        path = os.pathsep.join(
            filter(None, (str(_ROOT), str(_ROOT / "plugins"), os.environ.get("PYTHONPATH")))
        )
        self._process = subprocess.Popen(
            [*through, sys.executable, "-m", "benchmarks.job", json.dumps(job)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # The same order of sets and dictionaries in each run.
            env={**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "0"},
            text=True,
        )
        self.pid = self._process.pid

    def ask(self, order: dict[str, Any], takes_s: float) -> dict[str, Any]:
        """
        Give the child a line, and return the line that it answers.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None
        return self.read(takes_s)

    def read(self, takes_s: float = 0.0) -> dict[str, Any]:
        """
        Return the next line of the child, within a limit.
        """
        assert self._process.stdout is not None
        limit = threading.Timer(takes_s + _PATIENCE_S, self._process.kill)
        limit.start()
        try:
            line = self._process.stdout.readline()
        finally:
            limit.cancel()
        if not line:
            raise self._failure()
        found: dict[str, Any] = json.loads(line)
        return found

    def _failure(self) -> ChildError:
        self.end()
        self._errors.seek(0)
        said = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return ChildError(f"{self._name} ended:\n" + "\n".join(said[-15:]))

    def end(self) -> None:
        """
        End the process: by the end of its standard input, then by force.
        """
        if self._process.poll() is not None:
            return
        self._process.kill()
        self._process.wait(_PATIENCE_S)

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()


@contextmanager
def running(
    server: str,
    client: str,
    modules: Path,
    *,
    kind: str = "unary",
    wire: str = "native",
    remark_bytes: int = 64,
) -> Iterator[Child]:
    """
    Run a server and a client, and yield the client.
    """
    server_core, client_core = cores()
    shared = {"kind": kind, "wire": wire, "modules": str(modules), "remark_bytes": remark_bytes}
    with Child({"peer": server, "role": "serve", "core": server_core, **shared}) as serving:
        address = {
            "port": serving.read(BEGIN_S.get(server, 0.0))["port"],
            "server_pid": serving.pid,
        }
        job = {"peer": client, "role": "call", "core": client_core, **address, **shared}
        with Child(job) as calling:
            yield calling
