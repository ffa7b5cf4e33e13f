"""
The programs of examples/dubbo: providers and consumers in Java and in Python, and a ZooKeeper.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from tests.house.tree import ROOT
from tests.interop.java_peers import HOST, NUMBER, Loopback, PeerProcess, maven
from tests.java import JAVA
from tests.real.commands import LIMIT_S, Running, address_in, environment, rpcfw
from tests.real.ports import free_ports
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

EXAMPLE = ROOT / "examples/dubbo"
BOUGHT = """\
12 of tea in NORTH, 4.20 each
1 article in SOUTH
milk: {nothing}
bought 3, 9 left
100 of tea are too many, 9 left
"""


class JavaPrograms:
    """
    The programs in Java, compiled as the README says.

    Args:
        folder: where to put them.
        zookeeper: where they look for each other.
    """

    def __init__(self, folder, zookeeper):
        self._folder = folder
        self._zookeeper = zookeeper
        shutil.copytree(EXAMPLE / "java", folder, ignore=shutil.ignore_patterns("target"))
        maven(folder, "compile", "dependency:copy-dependencies")
        self._loopback = Loopback(folder)

    def command(self, main, *properties):
        """
        Return what runs one of them.
        """
        given = (f"-Dzookeeper={self._zookeeper}", *properties, *self._loopback.properties)
        return [*JAVA, "-Xmx256m", *given, "@java.options", f"com.acme.stock.{main}"]

    def start(self, main, *properties):
        """
        Start one of them; it is killed in the end.
        """
        environ = {**self._loopback.environ, "DUBBO_IP_TO_REGISTRY": NUMBER}
        return PeerProcess(self.command(main, *properties), environ, self._folder)

    def run(self, main):
        """
        Run one of them to its end; return what it printed.
        """
        return run(self.command(main), self._loopback.environ, self._folder)


def run(command, environ, folder):
    """
    Run a program to its end; return what it printed.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def zookeeper():
    """
    The address of a ZooKeeper server with nothing in it.
    """
    require_zookeeper()
    server = ZooKeeperServer()
    server.serve()
    yield server.address
    server.remove()


@pytest.fixture(scope="module")
def java(tmp_path_factory, zookeeper):
    """
    The programs in Java.
    """
    return JavaPrograms(tmp_path_factory.mktemp("example") / "java", zookeeper)


@pytest.fixture
def ini(tmp_path, zookeeper):
    """
    The INI files, with the address of this ZooKeeper.
    """

    def changed(name):
        text = (EXAMPLE / name).read_text().replace("127.0.0.1:2181", zookeeper)
        path = tmp_path / name
        path.write_text(text.replace("python_path = .", f"python_path = {EXAMPLE}"))
        return path

    return changed


def test_a_provider_in_java(java, ini):
    """
    The consumer in Python buys of it, with classes that `rpcfw java-stubs` writes as they are.
    """
    (port,) = free_ports(1)
    stubs = ("com.acme.stock.StockService", "--idempotent", "find", "--idempotent", "all")
    with java.start("Provider", f"-Dport={port}") as provider:
        provider.line("the stock is served")
        written = rpcfw("java-stubs", "-c", ini("consumer.ini"), *stubs)
        command = [sys.executable, "buy.py", str(ini("consumer.ini"))]
        bought = run(command, environment(), EXAMPLE)

    assert BOUGHT.format(nothing=None) == bought
    assert (EXAMPLE / "stock_api.py").read_text() == written.stdout, written.stderr


def test_a_provider_in_python(java, ini):
    """
    The consumer in Java buys of it; it throws the exception that both know.
    """
    loopback = (
        *("--set", "server.listen=tcp:127.0.0.1:0"),
        *("--set", f"server.advertise=tcp:{HOST}:0"),
    )
    serve = ("serve", "-c", ini("provider.ini"), *loopback, "--log-level", "critical")
    with Running(*serve) as provider:
        assert address_in(provider.line())
        bought = java.run("Consumer")

    assert BOUGHT.format(nothing="null") == bought
