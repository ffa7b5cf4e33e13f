"""
An etcd member, or a cluster of them, with the shortest times that etcd takes.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from tests.real.killable import Ensemble, KillableServer
from tests.real.ports import free_ports

__all__ = ["Cluster", "EtcdMember", "etcdctl"]

#: A proxy has no business on this machine.
_opener = build_opener(ProxyHandler({}))


class EtcdMember(KillableServer):
    """
    One member.

    Args:
        settings: further options of its command line.
        tls: clients connect with TLS, as the settings say.
    """

    name = "etcd"

    def __init__(
        self,
        ports: Sequence[int] | None = None,
        member: str = "m0",
        cluster: str = "",
        settings: Sequence[str] = (),
        tls: bool = False,
    ) -> None:
        port, peer_port = free_ports(2) if ports is None else ports
        super().__init__(port)
        self._member = member
        self._scheme = "https" if tls else "http"
        self._peer = f"http://127.0.0.1:{peer_port}"
        self._cluster = cluster or f"{member}={self._peer}"
        self._settings = settings

    def command(self) -> list[str]:
        clients = f"{self._scheme}://{self.address}"
        options = {
            "name": self._member,
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
        return ["etcd", *(f"--{name}={value}" for name, value in options.items()), *self._settings]

    def is_ready(self) -> bool:
        """
        Say whether it serves clients, with a quorum; over TLS, whether it listens.
        """
        try:
            if self._scheme == "https":
                socket.create_connection(("127.0.0.1", self.port), 1.0).close()
                return True
            with _opener.open(f"http://{self.address}/health", timeout=1.0) as answer:
                return b'"true"' in answer.read()
        except (URLError, OSError):
            return False


class Cluster(Ensemble[EtcdMember]):
    """
    Members that agree with each other.
    """

    def __init__(self, size: int = 3) -> None:
        ports = free_ports(2 * size)
        pairs = list(zip(ports[:size], ports[size:], strict=True))
        cluster = ",".join(f"m{i}=http://127.0.0.1:{pair[1]}" for i, pair in enumerate(pairs))
        super().__init__([EtcdMember(pair, f"m{i}", cluster) for i, pair in enumerate(pairs)])

    def at(self, port: int) -> EtcdMember:
        """
        Return the member that listens at ``port``.
        """
        return next(member for member in self.servers if member.port == port)


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
