"""
An etcd member, or a cluster of them, on this machine and for one test.

Everything listens on 127.0.0.1 at free ports, with the shortest times that etcd
takes, and is ended by its process id.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

__all__ = ["Cluster", "EtcdMember", "etcdctl", "free_ports"]

#: A proxy has no business on this machine.
_opener = build_opener(ProxyHandler({}))


def free_ports(count: int) -> list[int]:
    """
    Return ports that nobody listens at.
    """
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class EtcdMember:
    """
    One member.

    Args:
        settings: further options of its command line.
        tls: clients connect with TLS, as the settings say.
    """

    def __init__(
        self,
        ports: Sequence[int] | None = None,
        name: str = "m0",
        cluster: str = "",
        settings: Sequence[str] = (),
        tls: bool = False,
    ) -> None:
        self.port, peer_port = free_ports(2) if ports is None else ports
        self.name = name
        self.directory = Path(mkdtemp(prefix="rpcfw-etcd-"))
        self._scheme = "https" if tls else "http"
        self._peer = f"http://127.0.0.1:{peer_port}"
        self._cluster = cluster or f"{name}={self._peer}"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """
        Start it, without waiting until it is ready.
        """
        clients = f"{self._scheme}://{self.address}"
        options = {
            "name": self.name,
            "data-dir": self.directory / "data",
            "listen-client-urls": clients,
            "advertise-client-urls": clients,
            "listen-peer-urls": self._peer,
            "initial-advertise-peer-urls": self._peer,
            "initial-cluster": self._cluster,
            "initial-cluster-token": "rpcfw",
            "heartbeat-interval": 50,
            "election-timeout": 300,
            "logger": "zap",
            "log-level": "warn",
        }
        words = [f"--{name}={value}" for name, value in options.items()]
        with (self.directory / "out").open("ab") as out:
            self._process = subprocess.Popen(
                ["etcd", *words, *self._settings],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def wait_ready(self, limit_s: float = 15.0) -> None:
        """
        Wait until it serves clients, in a cluster with a quorum.
        """
        end = time.monotonic() + limit_s
        while not self.is_ready():
            if time.monotonic() > end:
                out = (self.directory / "out").read_text()
                raise TimeoutError(f"etcd at {self.address} is not ready: {out}")
            time.sleep(0.02)

    def is_ready(self) -> bool:
        """
        Say whether it serves clients; over TLS, whether it listens.
        """
        try:
            if self._scheme == "https":
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return True
            with _opener.open(f"http://{self.address}/health", timeout=1.0) as answer:
                return b'"true"' in answer.read()
        except (URLError, OSError):
            return False

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
        shutil.rmtree(self.directory / "data")

    def freeze(self) -> None:
        """
        Stop it where it stands; its connections stay open.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

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


class Cluster:
    """
    Members that agree with each other.
    """

    def __init__(self, size: int = 3) -> None:
        ports = free_ports(2 * size)
        pairs = list(zip(ports[:size], ports[size:], strict=True))
        cluster = ",".join(f"m{i}=http://127.0.0.1:{pair[1]}" for i, pair in enumerate(pairs))
        self.members = [EtcdMember(pair, f"m{i}", cluster) for i, pair in enumerate(pairs)]

    @property
    def address(self) -> str:
        return ",".join(member.address for member in self.members)

    def start(self) -> None:
        """
        Start all and wait until they serve.
        """
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()

    def at(self, port: int) -> EtcdMember:
        """
        Return the member that listens at ``port``.
        """
        return next(member for member in self.members if member.port == port)

    def remove(self) -> None:
        """
        Kill all and delete their files.
        """
        for member in self.members:
            member.remove()


def etcdctl(member: EtcdMember, *words: str, user: str = "") -> str:
    """
    Run etcd's own client on a member, and return what it says.
    """
    command = ["etcdctl", f"--endpoints=http://{member.address}", "--command-timeout=5s"]
    if user:
        command.append(f"--user={user}")
    done = subprocess.run(
        [*command, *words],
        env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/usr/local/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout
