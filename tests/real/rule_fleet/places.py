"""
The places where rules are: real servers, which are lost and come back.
"""

from __future__ import annotations

import json
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tests.real.etcd_server import Cluster, etcdctl
from tests.real.ports import free_ports
from tests.real.providers import Process
from tests.real.zookeeper_server import ZooKeeperEnsemble

__all__ = ["PLACES", "Place", "place_of"]


class Place(ABC):
    """
    A registry that keeps rules. It is started when it is made.
    """

    #: Of the section ``[registry]``, besides the plugin and the address.
    options = ""

    @property
    @abstractmethod
    def address(self) -> str:
        """
        Where it is, as in the INI.
        """

    @abstractmethod
    def lose(self) -> None:
        """
        Make it unable to answer: as a cluster, without a quorum.
        """

    @abstractmethod
    def come_back(self) -> None:
        """
        Return once it answers again, with all that it had.
        """

    def forget_history(self) -> None:  # noqa: B027 - most have none
        """
        Have it forget what was stored before, if it keeps that.
        """

    @abstractmethod
    def remove(self) -> None:
        """
        End it, and delete its files.
        """


class Standalone(Place):
    """
    A registry server that keeps rules in a folder.
    """

    def __init__(self) -> None:
        self._folder = mkdtemp(prefix="rpcfw-rules-")
        self._port = free_ports(1)[0]
        self.come_back()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def lose(self) -> None:
        self._server.close()

    def come_back(self) -> None:
        listen = ("--listen", f"tcp:{self.address}")
        keep = ("--set", f"node.rules_folder={self._folder}")
        module = "rpcfw.cli.main"
        self._server = Process("the registry server", module, "registry", *listen, *keep)
        self._server.line()

    def remove(self) -> None:
        self._server.close()
        shutil.rmtree(self._folder)


class Etcd(Place):
    """
    Three members.
    """

    options = "operation_timeout = 1s\nmax_reconnect_delay = 500ms\nself_check_interval = 1s\n"

    def __init__(self) -> None:
        self._cluster = Cluster()
        self._cluster.serve()

    @property
    def address(self) -> str:
        return self._cluster.address

    def lose(self) -> None:
        for member in self._cluster.servers[:2]:
            member.kill()

    def come_back(self) -> None:
        self._cluster.serve(*self._cluster.servers[:2])

    def forget_history(self) -> None:
        member = self._cluster.servers[2]
        etcdctl(member, "put", "/elsewhere", "")  # else there may be nothing new to forget
        found = json.loads(etcdctl(member, "get", "/", "-w", "json"))
        etcdctl(member, "compact", str(found["header"]["revision"]))

    def remove(self) -> None:
        self._cluster.remove()


class ZooKeeper(Place):
    """
    Three servers. The session timeout is one second.
    """

    options = (
        "session_timeout = 1s\noperation_timeout = 2s\nconnect_timeout = 1s\n"
        "max_reconnect_delay = 500ms\nself_check_interval = 1s\n"
    )

    def __init__(self) -> None:
        self._ensemble = ZooKeeperEnsemble()
        self._ensemble.serve()

    @property
    def address(self) -> str:
        return self._ensemble.address

    def lose(self) -> None:
        for server in self._ensemble.servers[:2]:
            server.kill()

    def come_back(self) -> None:
        self._ensemble.serve(*self._ensemble.servers[:2])

    def remove(self) -> None:
        self._ensemble.remove()


PLACES: dict[str, Callable[[], Place]] = {
    "standalone": Standalone,
    "etcd": Etcd,
    "zookeeper": ZooKeeper,
}


@contextmanager
def place_of(plugin: str, folder: Path) -> Iterator[tuple[Place, Path]]:
    """
    Start a place; yield it, and the INI file of its consumers.
    """
    place = PLACES[plugin]()
    try:
        file = folder / "consumer.ini"
        file.write_text(
            f"[registry]\nplugin = {plugin}\naddress = {place.address}\n{place.options}"
        )
        yield place, file
    finally:
        place.remove()
