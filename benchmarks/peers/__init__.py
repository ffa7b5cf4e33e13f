"""
The peers: a module for each, with ``serve(job)`` and ``call(job)``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import Any

__all__ = [
    "CALLED_BY",
    "DUBBO",
    "GRPC",
    "GRPC_PAYLOAD",
    "GRPC_STREAMING",
    "IDLE",
    "PAYLOAD",
    "STREAMING",
    "UNARY",
    "greeting",
    "missing",
    "module_of",
]

_MODULES = {
    "rpcfw": "rpcfw_peer",
    "rpcfw-uvloop": "rpcfw_peer",
    "rpcfw-dubbo": "dubbo_peer",
    "dubbo-java": "dubbo_java_peer",
    "echo": "echo",
    "grpcio-aio": "grpcio_aio",
    "grpcio-threads": "grpcio_threads",
    "grpclib": "grpclib_peer",
    "thriftpy2": "thriftpy2_peer",
    # Registries, measured on their own.
    "standalone": "registry_peer",
    "zookeeper": "registry_peer",
}

#: What each imports beside Twisted, under the name that pip knows.
_NEEDS = {
    "rpcfw-uvloop": "uvloop",
    "grpcio-aio": "grpcio",
    "grpcio-threads": "grpcio",
    "grpclib": "grpclib",
    "thriftpy2": "thriftpy2",
}
_JAVA = "apt-get install --no-install-recommends maven default-jdk-headless"
_IMPORTED = {"grpcio": "grpc"}
#: Who calls a server that has no client of its own.
CALLED_BY = {"dubbo-java": "rpcfw-dubbo"}

UNARY = (
    "rpcfw",
    "rpcfw-uvloop",
    "echo",
    "grpcio-aio",
    "grpcio-threads",
    "grpclib",
    "thriftpy2",
)
DUBBO = ("rpcfw", "rpcfw-dubbo", "dubbo-java")
PAYLOAD = ("rpcfw", "rpcfw-uvloop", "grpcio-aio", "grpcio-threads")
STREAMING = ("rpcfw", "rpcfw-uvloop", "grpcio-aio")
IDLE = ("rpcfw", "rpcfw-uvloop", "echo", "grpcio-aio")
#: Over gRPC each is measured with the clients of all.
GRPC = ("rpcfw", "grpcio-aio", "grpcio-threads", "grpclib")
GRPC_PAYLOAD = ("rpcfw", "grpcio-aio", "grpcio-threads")
GRPC_STREAMING = ("rpcfw", "grpcio-aio")


def module_of(peer: str) -> Any:
    """
    Import the module of a peer.
    """
    return import_module(f"benchmarks.peers.{_MODULES[peer]}")


def missing(peer: str) -> str | None:
    """
    Return the command that installs what a peer lacks here.
    """
    if peer == "dubbo-java":
        return None if which("mvn") and which("javac") else _JAVA
    package = _NEEDS.get(peer)
    if package is None or find_spec(_IMPORTED.get(package, package)):
        return None
    return f"pip install {package}"


def greeting(peer: str) -> bytes:
    """
    Return what a client says first on a connection, so that the server answers.
    """
    if peer == "echo":
        return b"x"
    if peer == "grpcio-aio":
        # HTTP/2's preface, and settings that set nothing.
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    from rpcfw.spi.machine import Limits
    from rpcfw.wire.client import ClientMachine

    machine = ClientMachine(Limits(), (), "benchmarks")
    machine.start()
    return machine.take_output()
