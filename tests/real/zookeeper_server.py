"""
A ZooKeeper server, or an ensemble of them, on this machine and for one test.

Everything listens on 127.0.0.1 at free ports, runs with the fastest settings that
ZooKeeper takes, and is ended by its process id.
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

__all__ = ["Ensemble", "ZooKeeperServer", "free_ports"]

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


class ZooKeeperServer:
    """
    One server.

    Args:
        port: where clients reach it; any free one if not given.
        settings: further lines of its zoo.cfg.
        properties: further ``-D`` settings of its Java.
        identity: its number in an ensemble.
    """

    def __init__(
        self,
        port: int | None = None,
        settings: Sequence[str] = (),
        properties: Sequence[str] = (),
        identity: int | None = None,
    ) -> None:
        self.port = free_ports(1)[0] if port is None else port
        self.directory = Path(mkdtemp(prefix="rpcfw-zookeeper-"))
        self._properties = properties
        self._process: subprocess.Popen[bytes] | None = None
        data = self.directory / "data"
        data.mkdir()
        if identity is not None:
            (data / "myid").write_text(f"{identity}\n")
        lines = [_SETTINGS.format(directory=self.directory, port=self.port), *settings, ""]
        (self.directory / "zoo.cfg").write_text("\n".join(lines))
        log = _LOGGING.format(file=self.directory / "log")
        (self.directory / "log4j.properties").write_text(log)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """
        Start it, without waiting until it is ready.
        """
        jars = ":".join(str(_JARS / jar) for jar in _CLASS_PATH)
        with (self.directory / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [
                    "java",
                    "-Xmx160m",
                    "-XX:+UseSerialGC",
                    "-XX:TieredStopAtLevel=1",
                    "-Dzookeeper.preAllocSize=1024",
                    "-Dzookeeper.forceSync=no",
                    *self._properties,
                    "-cp",
                    f"{self.directory}:{jars}",
                    "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                    str(self.directory / "zoo.cfg"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def wait_ready(self, limit_s: float = 20.0) -> None:
        """
        Wait until it serves clients, in an ensemble with a quorum.
        """
        end = time.monotonic() + limit_s
        while not self.mode():
            if time.monotonic() > end:
                out = (self.directory / "out").read_text()
                raise TimeoutError(f"ZooKeeper at {self.address} is not ready: {out}")
            time.sleep(0.05)

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
        shutil.rmtree(self.directory / "data" / "version-2")

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


class Ensemble:
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
        self.servers = [ZooKeeperServer(ports[i], settings, identity=i + 1) for i in range(size)]

    @property
    def address(self) -> str:
        return ",".join(server.address for server in self.servers)

    def start(self) -> None:
        """
        Start all and wait until they serve.
        """
        for server in self.servers:
            server.start()
        for server in self.servers:
            server.wait_ready()

    def leader(self) -> ZooKeeperServer:
        """
        Return the one that leads.
        """
        return next(server for server in self.servers if server.mode() == "leader")

    def remove(self) -> None:
        """
        Kill all and delete their files.
        """
        for server in self.servers:
            server.remove()
