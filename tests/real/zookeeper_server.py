"""
A ZooKeeper server, or an ensemble of them, with the shortest times that it takes.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.java import JAVA
from tests.real.killable import Ensemble, KillableServer
from tests.real.ports import free_ports

__all__ = ["ZooKeeperEnsemble", "ZooKeeperServer"]

_JARS = Path("/usr/share/java")
# Debian's manifest leaves out the binding for the log, and two parts of Netty.
_CLASS_PATH = (
    "zookeeper.jar",
    "slf4j-log4j12.jar",
    "log4j-1.2.jar",
    "netty-codec.jar",
    "netty-resolver.jar",
)
_LOGGING = """
log4j.rootLogger=WARN, FILE
log4j.appender.FILE=org.apache.log4j.FileAppender
log4j.appender.FILE.File={file}
log4j.appender.FILE.layout=org.apache.log4j.PatternLayout
log4j.appender.FILE.layout.ConversionPattern=%d %p %c %m%n
"""
_SETTINGS = """
tickTime=500
initLimit=10
syncLimit=5
dataDir={directory}/data
clientPort={port}
clientPortAddress=127.0.0.1
admin.enableServer=false
4lw.commands.whitelist=*
maxClientCnxns=0
"""


class ZooKeeperServer(KillableServer):
    """
    One server.

    Args:
        port: where clients reach it; any free one if not given.
        settings: further lines of its zoo.cfg.
        properties: further ``-D`` settings of its Java.
        identity: its number in an ensemble.
    """

    name = "ZooKeeper"
    stored = "data/version-2"

    def __init__(
        self,
        port: int | None = None,
        settings: Sequence[str] = (),
        properties: Sequence[str] = (),
        identity: int | None = None,
    ) -> None:
        super().__init__(free_ports(1)[0] if port is None else port)
        self._properties = properties
        data = self.directory / "data"
        data.mkdir()
        if identity is not None:
            (data / "myid").write_text(f"{identity}\n")
        lines = [_SETTINGS.format(directory=self.directory, port=self.port), *settings, ""]
        (self.directory / "zoo.cfg").write_text("\n".join(lines))
        log = _LOGGING.format(file=self.directory / "log")
        (self.directory / "log4j.properties").write_text(log)

    def command(self) -> list[str]:
        jars = ":".join(str(_JARS / jar) for jar in _CLASS_PATH)
        return [
            *JAVA,
            "-Xmx160m",
            "-Dzookeeper.preAllocSize=1024",
            "-Dzookeeper.forceSync=no",
            *self._properties,
            "-cp",
            f"{self.directory}:{jars}",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            str(self.directory / "zoo.cfg"),
        ]

    def is_ready(self) -> bool:
        return bool(self.mode())

    def mode(self) -> str:
        """
        Return standalone, leader or follower; empty if it does not serve.
        """
        for line in self.ask("srvr").splitlines():
            if line.startswith("Mode: "):
                return line.removeprefix("Mode: ")
        return ""

    def ask(self, word: str) -> str:
        """
        Return the answer to a four-letter word, empty if there is none.
        """
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.sendall(word.encode())
                answer = b""
                while part := connection.recv(65536):
                    answer += part
        except OSError:
            return ""
        return answer.decode(errors="replace")

    def connections(self) -> int:
        """
        Return how many clients it has.
        """
        for line in self.ask("srvr").splitlines():
            if line.startswith("Connections: "):
                # The connection that asks is one of them.
                return int(line.removeprefix("Connections: ")) - 1
        return 0


class ZooKeeperEnsemble(Ensemble[ZooKeeperServer]):
    """
    Servers that agree with each other.
    """

    def __init__(self, size: int = 3) -> None:
        ports = free_ports(3 * size)
        members = [
            f"server.{i + 1}=127.0.0.1:{ports[size + 2 * i]}:{ports[size + 2 * i + 1]}"
            for i in range(size)
        ]
        settings = ["standaloneEnabled=false", *members]
        super().__init__([ZooKeeperServer(ports[i], settings, identity=i + 1) for i in range(size)])

    def leader(self) -> ZooKeeperServer:
        """
        Return the one that leads.
        """
        return next(server for server in self.servers if server.mode() == "leader")
