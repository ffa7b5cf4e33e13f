"""
Dubbo's own provider, in Java: the same order, called by our client.

The process becomes that of Java, so that its processor time is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.job import Job
from benchmarks.peers.dubbo_peer import call

__all__ = ["call", "serve"]

_SOURCES = Path(__file__).parent / "dubbo_java"
#: Dubbo replaces 127.0.0.1, so that address has a name.
_HOST = "orders.test"
#: Dubbo on Java 17 needs them for collections.
_OPENED = ("java.base/java.lang", "java.base/java.util", "java.base/java.math")


def serve(job: Job) -> None:
    """
    Compile the provider, and become it.
    """
    folder = Path(job.modules) / "dubbo_java"
    shutil.copytree(_SOURCES, folder)
    subprocess.run(
        [_program("mvn"), "--quiet", "--batch-mode", "compile", "dependency:copy-dependencies"],
        cwd=folder,
        stdout=sys.stderr,
        check=True,
    )
    os.environ["DUBBO_IP_TO_BIND"] = _HOST
    os.execv(_program("java"), _command(folder))  # noqa: S606 - no shell is wanted


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, name
    return path


def _command(folder: Path) -> list[str]:
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 {_HOST} localhost {os.uname().nodename}\n")
    return [
        "java",
        *(word for each in _OPENED for word in ("--add-opens", f"{each}=ALL-UNNAMED")),
        "-Djava.net.preferIPv4Stack=true",
        f"-Djdk.net.hosts.file={hosts}",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        "-cp",
        f"{folder}/target/classes:{folder}/target/dependency/*",
        "order.v1.Server",
        _HOST,
        str(_free_port()),
    ]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port
