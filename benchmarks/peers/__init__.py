"""
The peers: a module for each, with ``serve(job)`` and ``call(job)``.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from shutil import which
from typing import Any

__all__ = [
    "CALLED_BY",
    "DUBBO",
    "GRPC",
    "GRPC_CLIENTS",
    "GRPC_INSTRUCTIONS",
    "GRPC_PAYLOAD",
    "GRPC_STREAMING",
    "GRPC_TLS",
    "IDLE",
    "INSTRUCTIONS",
    "PAYLOAD",
    "STREAMING",
    "TLS",
    "UNARY",
    "greeting",
    "missing",
    "module_of",
    "prepare",
]

_MODULES = {
    "rpcfw": "rpcfw_peer",
    "rpcfw-uvloop": "rpcfw_peer",
    "rpcfw-dubbo": "dubbo_peer",
    "dubbo-java": "dubbo_java_peer",
    "echo": "echo",
    "ssl": "connecting",
    "grpcio-aio": "grpcio_aio",
    "grpcio-threads": "grpcio_threads",
    "grpclib": "grpclib_peer",
    "pygrpc-native": "pygrpc_peer",
    "grpc-go": "grpc_go_peer",
    "tonic": "tonic_peer",
    "thriftpy2": "thriftpy2_peer",
    "aio-msgpack-rpc": "msgpack_peer",
    "aio-msgpack-rpc-uvloop": "msgpack_peer",
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
    "pygrpc-native": "pygrpc-native",
    "thriftpy2": "thriftpy2",
    "aio-msgpack-rpc": "aio-msgpack-rpc",
    "aio-msgpack-rpc-uvloop": "aio-msgpack-rpc uvloop",
}
_IMPORTED = {
    "grpcio": "grpc",
    "pygrpc-native": "pygrpc_native",
    "aio-msgpack-rpc": "aio_msgpack_rpc",
}
#: The programs that others need, and how to get them.
_PROGRAMS = {
    "dubbo-java": (
        ("mvn", "javac"),
        "apt-get install --no-install-recommends maven default-jdk-headless",
    ),
    "grpc-go": (("go",), "install Go, https://go.dev/doc/install"),
    "tonic": (("cargo",), "install Rust, https://rustup.rs"),
}
#: Those that are built before the first measurement.
_BUILT = ("grpc-go", "tonic")
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
    "aio-msgpack-rpc",
    "aio-msgpack-rpc-uvloop",
)
DUBBO = ("rpcfw", "rpcfw-dubbo", "dubbo-java")
#: Those whose instructions are counted: in coroutines, and in Python's own process.
INSTRUCTIONS = ("rpcfw", "rpcfw-uvloop", "aio-msgpack-rpc", "aio-msgpack-rpc-uvloop")
GRPC_INSTRUCTIONS = ("rpcfw", "grpcio-aio")
PAYLOAD = ("rpcfw", "rpcfw-uvloop", "grpcio-aio", "grpcio-threads")
STREAMING = ("rpcfw", "rpcfw-uvloop", "grpcio-aio")
IDLE = ("rpcfw", "rpcfw-uvloop", "echo", "grpcio-aio")
#: Over gRPC each is measured with the clients of all.
GRPC_CLIENTS = ("rpcfw", "grpcio-aio", "grpcio-threads", "grpclib", "grpc-go", "tonic")
GRPC = (*GRPC_CLIENTS, "pygrpc-native")
#: Those that are measured with TLS, each with the clients of all; and on the native wire.
GRPC_TLS = ("rpcfw", "grpcio-aio", "grpc-go")
TLS = ("rpcfw", "rpcfw-uvloop")
GRPC_PAYLOAD = ("rpcfw", "grpcio-aio", "grpcio-threads")
GRPC_STREAMING = ("rpcfw", "grpcio-aio")


def module_of(peer: str) -> Any:
    """
    Import the module of a peer.
    """
    return import_module(f"benchmarks.peers.{_MODULES[peer]}")


def missing(peer: str) -> str | None:
    """
    Return the command that installs what a peer lacks here, or where to find it.
    """
    if peer in _PROGRAMS:
        programs, install = _PROGRAMS[peer]
        return None if all(map(which, programs)) else install
    lacking = [
        package
        for package in _NEEDS.get(peer, "").split()
        if not find_spec(_IMPORTED.get(package, package))
    ]
    return f"pip install {' '.join(lacking)}" if lacking else None


def prepare(peer: str) -> None:
    """
    Build a peer that is a program in another language.
    """
    if peer in _BUILT:
        sys.stderr.write(f"building {peer}: the first time takes minutes\n")
        module_of(peer).build()


def greeting(wire: str) -> bytes:
    """
    Return what a client says first on a connection, so that the server answers.
    """
    if wire == "echo":
        return b"x"
    if wire == "grpc":
        # HTTP/2's preface, and settings that set nothing.
        return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
    from rpcfw.spi.machine import Limits
    from rpcfw.wire.client import ClientMachine

    machine = ClientMachine(Limits(), (), "benchmarks")
    machine.start()
    return machine.take_output()
