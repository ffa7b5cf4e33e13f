"""
Child processes that speak in lines, and that never outlive the one that started them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import IO

from rpcfw.errors import RPCFWError

__all__ = ["Child", "ChildError", "Children"]

#: However slow the machine is, a child that takes longer hangs.
_PATIENCE_S = 30


class ChildError(RPCFWError):
    """
    A child did not do its part; says what it last wrote to standard error.
    """


class Child:
    """
    One process.

    Args:
        name: what it is called when it fails.
        module: what Python is to run.
        arguments: what it is given.
    """

    def __init__(self, name: str, module: str, arguments: Sequence[str]) -> None:
        self._name = name
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # ends with this
        # Settings in the environment are meant for others.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("RPCFW_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environ,
            text=True,
        )
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def line(self) -> str:
        """
        Return the next line that it writes.

        Raises:
            ChildError: it wrote none in time, or ended.
        """
        try:
            line = self._lines.get(timeout=_PATIENCE_S)
        except Empty:
            raise ChildError(f"{self._name} has written nothing for {_PATIENCE_S} s") from None
        if not line:
            raise ChildError(f"{self._name} ended: {self.errors() or 'it did not say why'}")
        return line.rstrip("\n")

    def tell(self, line: str) -> None:
        """
        Write a line to it.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """
        End it by SIGKILL, so that it can do nothing any more.
        """
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """
        Ask it to end by SIGTERM, and return its exit code.
        """
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """
        Return its exit code once it has ended.

        Raises:
            ChildError: it does not end.
        """
        try:
            return self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise ChildError(f"{self._name} did not end within {_PATIENCE_S} s") from None

    def errors(self) -> str:
        """
        Return the last that it wrote to standard error.
        """
        self._errors.seek(0)
        lines_written = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        return "\n".join(lines_written[-10:])

    def close(self) -> None:
        """
        End it whatever it does, and close its pipes.
        """
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._errors.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


class Children:
    """
    Starts children; none is left when the block is left, however that is.
    """

    def __init__(self) -> None:
        self._all: list[Child] = []

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """
        Start one; it is looked after from now on.
        """
        child = Child(name, module, arguments)
        self._all.append(child)
        return child

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in reversed(self._all):
            child.close()
