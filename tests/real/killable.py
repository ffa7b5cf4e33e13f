"""
A server of somebody else's as a process that a test starts, kills, freezes and ends.

It keeps its files in a folder of its own, and is ended by its process id.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Generic, TypeVar

from tests.real.hosts import THIS_HOST, Host

__all__ = ["Ensemble", "KillableServer"]


class KillableServer:
    """
    One server; a subclass says how it is run and how to see that it serves.
    """

    #: What it is called when it fails.
    name = "a server"
    #: What it stores, below its folder.
    stored = "data"
    #: How long it may take until it serves.
    ready_limit_s = 20.0

    def __init__(self, port: int, host: Host = THIS_HOST) -> None:
        self.port = port
        self.host = host
        self.directory = Path(mkdtemp(prefix="rpcfw-server-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"{self.host.address}:{self.port}"

    def command(self) -> list[str]:
        """
        Return the command line that runs it.
        """
        raise NotImplementedError

    def is_ready(self) -> bool:
        """
        Say whether it serves clients; as a member of an ensemble, with a quorum.
        """
        raise NotImplementedError

    def accepts(self) -> bool:
        """
        Say whether it accepts connections, on its own host.
        """
        connect = f"exec 3<>/dev/tcp/{self.host.address}/{self.port}"
        command = [*self.host.enter, "bash", "-c", connect]
        return not subprocess.run(command, capture_output=True, check=False).returncode

    def start(self) -> None:
        """
        Start it, without waiting until it is ready.
        """
        with (self.directory / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [*self.host.enter, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def wait_ready(self) -> None:
        """
        Wait until it serves.
        """
        end = time.monotonic() + self.ready_limit_s
        while not self.is_ready():
            if time.monotonic() > end:
                out = (self.directory / "out").read_text()
                raise TimeoutError(f"{self.name} at {self.address} is not ready: {out}")
            time.sleep(0.02)

    def serve(self) -> None:
        """
        Start it and wait until it serves.
        """
        self.start()
        self.wait_ready()

    def kill(self) -> None:
        """
        Kill it, as a power cut would.
        """
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """
        Delete all that it has stored; it must not run.
        """
        shutil.rmtree(self.directory / self.stored)

    def freeze(self) -> None:
        """
        Stop it where it stands; its connections stay open.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        # Else it may yet answer what comes next.
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def thaw(self) -> None:
        """
        Let it go on.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """
        Kill it and delete its files.
        """
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


Server = TypeVar("Server", bound=KillableServer)


class Ensemble(Generic[Server]):
    """
    Servers that agree with each other.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers

    @property
    def address(self) -> str:
        return ",".join(server.address for server in self.servers)

    def serve(self, *servers: Server) -> None:
        """
        Start these, or all, at once, and wait until every one of the ensemble serves.
        """
        for server in servers or self.servers:
            server.start()
        for server in self.servers:
            server.wait_ready()

    def remove(self) -> None:
        """
        Kill all and delete their files.
        """
        for server in self.servers:
            server.remove()
