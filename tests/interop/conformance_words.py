"""
What both programs of connectrpc's conformance suite need: its messages, and their frames.

The suite's files (Apache License 2.0) are not copied: protoc reads them where Go has put
the module, and the environment names that folder.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from pathlib import Path

from rpcfw.codegen.dynamic import services_from_proto
from tests.interop.conformance_folder import FOLDER

__all__ = [
    "SERVICE",
    "SERVICES",
    "SETS",
    "headers_of",
    "message",
    "metadata_of",
    "packed",
    "read_packed",
    "unpacked",
]

#: Settings that both programs have.
SETS = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "app.protocols=native, grpc",
    "app.compressors=gzip, zstd, deflate",
    "app.log_level=error",
    "app.reactor=asyncio",
)

_FOLDER = Path(os.environ[FOLDER])
_FILES = _FOLDER / "connectrpc" / "conformance" / "v1"
_PACKAGE = "connectrpc.conformance.v1"
_SIZE_BYTES = 4

SERVICE = f"{_PACKAGE}.ConformanceService"
SERVICES = services_from_proto(_FILES / "service.proto", [_FOLDER])
_COMPATIBLE = {
    name: services_from_proto(_FILES / f"{name}_compat.proto", [_FOLDER])
    for name in ("client", "server")
}


def message(name, side=""):
    """
    Return the class of a message of the suite, of the service or of one side's program.
    """
    known = _COMPATIBLE[side] if side else SERVICES
    return known.message(f"{_PACKAGE}.{name}")


def packed(one):
    """
    Return a message behind its size, as it is written to the suite.
    """
    body = one.SerializeToString()
    return len(body).to_bytes(_SIZE_BYTES, "big") + body


def read_packed(stream):
    """
    Return the bytes of the next message of the suite, None at the end.
    """
    size = stream.read(_SIZE_BYTES)
    return stream.read(int.from_bytes(size, "big")) if size else None


def unpacked(one, type):
    """
    Return the message in an Any.
    """
    assert one.type_url.rpartition("/")[2] == type.DESCRIPTOR.full_name, one.type_url
    return type.FromString(one.value)


def metadata_of(headers):
    """
    Return headers of the suite as pairs; values of ``-bin`` names are base64 there.
    """
    return [
        (header.name, _bytes(value) if header.name.lower().endswith("-bin") else value)
        for header in headers
        for value in header.value
    ]


def _bytes(value):
    return b64decode(value + "=" * (-len(value) % 4))


def headers_of(pairs):
    """
    Return pairs as names with all their values, as headers of the suite.
    """
    found = {}
    for name, value in pairs:
        text = b64encode(value).rstrip(b"=").decode() if isinstance(value, bytes) else value
        found.setdefault(name, []).append(text)
    return [{"name": name, "value": values} for name, values in found.items()]
