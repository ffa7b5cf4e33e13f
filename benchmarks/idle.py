"""
What a connection costs that nobody speaks on: memory of the server for each.

The connections are bare sockets of this process, so that only the server's side is
counted. Each says just enough to be answered, which proves that it was accepted.
"""

from __future__ import annotations

import resource
import socket
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from benchmarks import peers
from benchmarks.children import Child, ChildError, cores
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rows import Row

__all__ = ["idle"]

CONNECTIONS = 5_000

_LIMIT_S = 30
_WIRES = {"echo": "echo", "grpcio-aio": "grpc"}
_PAGE = resource.getpagesize()


def idle(plan: Plan) -> list[Row]:
    """
    Measure the servers that multiplex, and the bare echo beside them.
    """
    rows = []
    _allow_files(CONNECTIONS + 100)
    with tempfile.TemporaryDirectory() as directory:
        generate(Path(directory))
        for peer, _ in plan.alone(peers.IDLE):
            try:
                rows.append(_measure(peer, directory))
            except (ChildError, OSError) as error:
                sys.stderr.write(f"{peer}: {error}\n")
    return rows


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        # A child inherits this, and needs as many.
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))


def _measure(peer: str, modules: str) -> Row:
    job = {
        "peer": peer,
        "role": "serve",
        "kind": "unary",
        "core": cores()[0],
        "modules": modules,
        "remark_bytes": 64,
    }
    with Child(job) as server, ExitStack() as connections:
        port = server.read()["port"]
        greeting = peers.greeting(_WIRES.get(peer, "native"))
        # One is made before, so that what the first costs is not counted.
        _connect(connections, port, greeting)
        before = _memory_of(server.pid)
        for _ in range(CONNECTIONS):
            _connect(connections, port, greeting)
        used = _memory_of(server.pid) - before
    return {
        "server": peer,
        "connections": CONNECTIONS,
        "server_bytes_per_connection": round(used / CONNECTIONS),
    }


def _connect(connections: ExitStack, port: int, greeting: bytes) -> None:
    one = connections.enter_context(socket.create_connection(("127.0.0.1", port), _LIMIT_S))
    one.sendall(greeting)
    if not one.recv(1 << 16):
        raise ConnectionError("the server closed a connection that had done nothing")


def _memory_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * _PAGE
