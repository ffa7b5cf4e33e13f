"""
The peers: a module for each, with ``serve(job)`` and ``call(job)``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

__all__ = ["GREETINGS", "GRPC", "PAYLOAD", "STREAMING", "UNARY", "missing", "module_of"]

_MODULES = {
    "echo": "echo",
    "grpcio-aio": "grpcio_aio",
    "grpcio-threads": "grpcio_threads",
    "grpclib": "grpclib_peer",
    "thriftpy2": "thriftpy2_peer",
}

#: What each imports beside Twisted, under the name that pip knows.
_NEEDS = {
    "grpcio-aio": "grpcio",
    "grpcio-threads": "grpcio",
    "grpclib": "grpclib",
    "thriftpy2": "thriftpy2",
}
_IMPORTED = {"grpcio": "grpc"}

UNARY = tuple(_MODULES)
PAYLOAD = ("grpcio-aio", "grpcio-threads")
STREAMING = ("grpcio-aio",)
#: What an idle connection says, so that the server answers.
GREETINGS = {
    "echo": b"x",
    # HTTP/2's preface, and settings that set nothing.
    "grpcio-aio": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)),
}
GRPC = ("grpcio-aio", "grpcio-threads", "grpclib")


def module_of(peer: str) -> Any:
    """
    Import the module of a peer.
    """
    return import_module(f"benchmarks.peers.{_MODULES[peer]}")


def missing(peer: str) -> str | None:
    """
    Return the package that a peer lacks here.
    """
    package = _NEEDS.get(peer)
    if package is None or find_spec(_IMPORTED.get(package, package)):
        return None
    return package
