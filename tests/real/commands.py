"""
The command ``rpcfw`` as a process, for tests that use it as people do.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.house.tree import ROOT

#: However slow the machine, a process that takes longer hangs.
LIMIT_S = 180
#: For one that goes on: all tests of a file may share it.
RUNNING_LIMIT_S = 900

COMMAND = (sys.executable, "-m", "rpcfw.cli.main")


def environment(**settings: str) -> dict[str, str]:
    """
    Return an environment in which the source tree is found, and these settings.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RPCFW_")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return {**kept, "PYTHONPATH": path, "PYTHONFAULTHANDLER": "1", **settings}


def rpcfw(*arguments: object, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
    """
    Run a command to its end.
    """
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env=environment(**settings),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )


class Running:
    """
    A command that goes on until it is ended; it is, when the block is left.

    Args:
        arguments: those of the command.
        pass_fds: file descriptors that it inherits.
        folder: where it runs.
        settings: environment variables.
    """

    command: tuple[str, ...] = COMMAND
    limit_s: float = RUNNING_LIMIT_S

    def __init__(
        self,
        *arguments: object,
        pass_fds: Sequence[int] = (),
        folder: Path = ROOT,
        **settings: str,
    ) -> None:
        self._process = subprocess.Popen(
            [*self.command, *map(str, arguments)],
            cwd=folder,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=pass_fds,
        )
        # It writes where it hangs, to standard error.
        overdue = (signal.SIGABRT,)
        self._overdue = threading.Timer(self.limit_s, self._process.send_signal, overdue)
        self._overdue.start()
        self.pid = self._process.pid

    def line(self) -> str:
        """
        Return the next line of its output; an empty one if it has ended.
        """
        return self._process.stdout.readline().rstrip("\n")

    def log_until(self, words: str) -> str:
        """
        Read its log up to a line with these words in it, and return that line.
        """
        for line in self._process.stderr:
            if words in line:
                return line
        raise AssertionError(f"it ended without having logged {words!r}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """
        Send a signal; return the exit code and what else was written, out and err.
        """
        self.send(number)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """
        Return the exit code and what else was written, once it has ended.
        """
        out, err = self._process.communicate()
        return self._process.returncode, out, err

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._overdue.cancel()
        self._process.stdout.close()
        self._process.stderr.close()


class Module(Running):
    """
    The same for a module of the tests, whose name comes first.
    """

    command = (sys.executable, "-m")


def registry(*arguments: object) -> tuple[Running, str]:
    """
    Start a registry server at a free port; return it and its address.
    """
    node = Running("registry", "--listen", "tcp:127.0.0.1:0", "--log-level", "warn", *arguments)
    return node, address_in(node.line())


def address_in(line: str) -> str:
    """
    Return the address that a serving command says it is at.
    """
    return line.rpartition(" at tcp:")[2]
