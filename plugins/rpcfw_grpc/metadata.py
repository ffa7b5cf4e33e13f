"""
Metadata as header fields, and header fields as metadata (PROTOCOL-HTTP2.md of gRPC).

Which names belong to HTTP or to gRPC itself, and how the values of metadata are written.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from enum import Enum
from functools import lru_cache
from typing import Final

from rpcfw.values.metadata import EMPTY, Metadata, Pairs
from rpcfw_grpc.http2.header_list import (
    Fields,
    HeaderList,
    printable_name,
    request_rules,
    response_rules,
)

__all__ = [
    "REQUEST_RULES",
    "RESPONSE_RULES",
    "codec_of",
    "content_type_of",
    "decode_bin",
    "encode_bin",
    "encodings_of",
    "encodings_text",
    "fields_of",
    "metadata_of",
    "pairs_of",
]

#: Not metadata: they have a meaning of their own. (``grpc-previous-rpc-attempts``
#: and ``grpc-trace-bin`` are metadata, though their names begin in the same way.)
_RESERVED = frozenset(
    (
        b"content-length",
        b"content-type",
        b"grpc-accept-encoding",
        b"grpc-encoding",
        b"grpc-message",
        b"grpc-message-type",
        b"grpc-retry-pushback-ms",
        b"grpc-status",
        b"grpc-status-details-bin",
        b"grpc-timeout",
        b"host",
        b"rpcfw-caller",
        b"rpcfw-hints",
        b"te",
    )
)
#: Of HTTP/1.1's connections: HTTP/2 forbids them.
_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_METADATA_NAME = re.compile(rb"[0-9a-z_.\-]+\Z")

REQUEST_RULES: Final = request_rules(_RESERVED)
RESPONSE_RULES: Final = response_rules(_RESERVED)


class _Kind(Enum):
    TEXT = "metadata of text"
    BYTES = "metadata of bytes"
    FOREIGN = "a name that no metadata may have: some proxy's, and not for the application"


@lru_cache(maxsize=1024)
def _kind(name: bytes) -> _Kind:
    if not _METADATA_NAME.match(name):
        return _Kind.FOREIGN
    return _Kind.BYTES if name.endswith(b"-bin") else _Kind.TEXT


def metadata_of(headers: HeaderList) -> Metadata:
    """
    Return the metadata of a header list.

    Raises:
        ValueError: a ``-bin`` field is not base64.
    """
    pairs = pairs_of(headers.others)
    return Metadata(pairs) if pairs else EMPTY


def pairs_of(fields: Fields) -> Pairs:
    """
    Return the pairs of metadata in fields that no rule names.

    Raises:
        ValueError: a ``-bin`` field is not base64.
    """
    pairs: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        kind = _kind(name)
        if kind is _Kind.TEXT:
            pairs.append((name.decode(), _text(value)))
        elif kind is _Kind.BYTES:
            # Values of one name may come joined; a comma is no letter of base64.
            pairs.extend((name.decode(), decode_bin(name, part)) for part in value.split(b","))
    return tuple(pairs)


def _text(value: bytes) -> str:
    if value.isascii():
        text = value.decode().strip(" ")
        if text.isprintable():
            return text
    # Kept readable, and within what every wire can carry onwards.
    return ascii(value)[2:-1]


def decode_bin(name: bytes, value: bytes) -> bytes:
    """
    Return the bytes of a ``-bin`` field: base64, padded or not.

    Raises:
        ValueError: it is none; names the field.
    """
    text = value.strip(b" ").rstrip(b"=")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError(f"field {printable_name(name)} is not base64") from None


def encode_bin(value: bytes) -> bytes:
    """
    Return the value of a ``-bin`` field: base64 without padding.
    """
    return b64encode(value).rstrip(b"=")


def fields_of(metadata: Metadata) -> Fields:
    """
    Return metadata as header fields, without what is not metadata.
    """
    fields: Fields = []
    for name, value in metadata.pairs:
        key = name.encode("ascii", "replace")
        if key in _RESERVED or key in _CONNECTION or key.startswith(b":"):
            continue
        if isinstance(value, bytes):
            fields.append((key, encode_bin(value)))
        else:
            fields.append((key, value.encode("ascii", "replace")))
    return fields


@lru_cache(maxsize=256)
def codec_of(content_type: bytes) -> str:
    """
    Return the codec that a content-type names, empty if it is not gRPC's.
    """
    main = content_type.partition(b";")[0].strip().lower()
    if main == b"application/grpc":
        return "protobuf"
    kind, plus, subtype = main.partition(b"+")
    if kind != b"application/grpc" or not plus:
        return ""
    name = subtype.decode("ascii", "backslashreplace")
    return "protobuf" if name == "proto" else name


def content_type_of(codec: str) -> bytes:
    """
    Return the content-type of messages of a codec.
    """
    return b"application/grpc" if codec == "protobuf" else b"application/grpc+" + codec.encode()


@lru_cache(maxsize=256)
def encodings_of(value: bytes) -> tuple[str, ...]:
    """
    Return the compressions that ``grpc-accept-encoding`` lists.
    """
    names = (part.strip() for part in value.decode("ascii", "replace").split(","))
    return tuple(name for name in names if name and name != "identity")


def encodings_text(names: tuple[str, ...]) -> bytes:
    """
    Return ``grpc-accept-encoding`` for compressions that this side can decompress.
    """
    return ",".join((*names, "identity")).encode()
