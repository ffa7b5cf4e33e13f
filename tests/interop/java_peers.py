"""
Peers in Java: built once with Maven, and run as processes.

Dubbo takes 127.0.0.1 for an address that others cannot reach, and replaces it by another one of
the machine. So the peers know this host by a name, from a file of names of their own.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tests.java import JAVA, maven_environment
from tests.requirements import require

__all__ = ["HOST", "NUMBER", "JavaPeers", "Loopback", "PeerProcess", "build", "build_once", "maven"]

SOURCES = Path(__file__).parent / "java"
#: The name of 127.0.0.1.
HOST = "peer.test"
#: 127.0.0.1 as a number, which Dubbo does not recognise, and processes in Python do.
NUMBER = str(0x7F000001)
#: However slow the machine, a process that takes longer hangs.
LIMIT_S = 300
#: So much of its errors is shown.
_MAX_SHOWN = 20_000
#: Without these, Dubbo on Java 17 can read no exception, and write no collection.
OPENED = ("java.base/java.lang", "java.base/java.util", "java.base/java.math")


class Loopback:
    """
    What makes a program in Java use 127.0.0.1, under a name that Dubbo accepts.

    Args:
        folder: for the file with that name.
    """

    def __init__(self, folder: Path) -> None:
        hosts = folder / "hosts"
        if not hosts.exists():
            hosts.write_text(f"127.0.0.1 {HOST} localhost {os.uname().nodename}\n")
        self.properties = ("-Djava.net.preferIPv4Stack=true", f"-Djdk.net.hosts.file={hosts}")
        self.environ = {**os.environ, "DUBBO_IP_TO_BIND": HOST}


class JavaPeers:
    """
    The compiled peers.

    Args:
        folder: where they are.
        class_path: of the compiled classes, and of what they need.
    """

    def __init__(self, folder: Path, class_path: str) -> None:
        self._class_path = class_path
        self._loopback = Loopback(folder)

    def start(self, main: str, *arguments: str) -> PeerProcess:
        """
        Start a class of the package ``peers``.
        """
        opened = [word for each in OPENED for word in ("--add-opens", f"{each}=ALL-UNNAMED")]
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        # How long a provider waits for its consumers when it ends; by default ten seconds.
        patience = "-Ddubbo.service.shutdown.wait=2000"
        command = [*JAVA, "-Xmx256m", *opened, *self._loopback.properties, log, patience]
        command += ["-cp", self._class_path, f"peers.{main}", *arguments]
        return PeerProcess(command, self._loopback.environ)


class PeerProcess:
    """
    A program that goes on until its standard input is closed; it is, when the block is left.
    """

    def __init__(
        self, command: list[str], environ: Mapping[str, str], folder: Path | None = None
    ) -> None:
        # A pipe that nobody reads would stop a program that logs an error for each call.
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in __exit__
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._overdue = threading.Timer(LIMIT_S, self._process.kill)
        self._overdue.start()

    def line(self, begin: str) -> str:
        """
        Return the next line of its output that begins so.
        """
        for line in self._process.stdout:
            if line.startswith(begin):
                return line.rstrip("\n")
        self._errors.seek(0)
        raise AssertionError(f"it ended without a line {begin!r}: {self._errors.read(_MAX_SHOWN)}")

    def ask(self, line: str) -> str:
        """
        Write a line to it; return the next line of its output.
        """
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return self.line("")

    def kill(self) -> None:
        """
        End it at once.
        """
        self._process.kill()

    def end(self) -> str:
        """
        Close its standard input; return what else it wrote when it has ended.
        """
        out, _ = self._process.communicate("\n")
        return out

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process.poll() is None:
            process.kill()
        process.wait()
        self._overdue.cancel()
        for pipe in (process.stdin, process.stdout, self._errors):
            with suppress(BrokenPipeError):
                pipe.close()


def require_more(command: str) -> None:
    """
    Skip or fail the test, for what is in Maven's central repository.
    """
    require(False, command)


def build(folder: Path, *options: str, missing: Callable[[str], None] = require_more) -> JavaPeers:
    """
    Compile the peers into a folder, with options of Maven.
    """
    shutil.copytree(SOURCES, folder, dirs_exist_ok=True)
    goals = ("compile", "dependency:build-classpath", "-Dmdep.outputFile=class_path")
    maven(folder, *options, *goals, missing=missing)
    return _built(folder)


def build_once(
    folder: Path, *options: str, missing: Callable[[str], None] = require_more
) -> JavaPeers:
    """
    Compile them unless another process of this run of the tests has, in the same folder.
    """
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Maven writes this last.
        if (folder / "class_path").exists():
            return _built(folder)
        return build(folder, *options, missing=missing)


def _built(folder: Path) -> JavaPeers:
    class_path = os.pathsep.join((f"{folder}/target/classes", (folder / "class_path").read_text()))
    return JavaPeers(folder, class_path)


def maven(folder: Path, *goals: str, missing: Callable[[str], None] = require_more) -> None:
    """
    Run Maven in a folder. It downloads Dubbo the first time.

    Args:
        missing: called if it fails, as where it may not download something.
    """
    require(
        shutil.which("mvn") and shutil.which("javac"),
        "apt-get install --no-install-recommends maven default-jdk-headless",
    )
    done = subprocess.run(
        ["mvn", "--quiet", "--batch-mode", *goals],
        cwd=folder,
        env=maven_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    if done.returncode:
        missing(f"mvn {' '.join(goals)}, which failed: {done.stdout}")
