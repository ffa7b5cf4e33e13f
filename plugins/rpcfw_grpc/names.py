"""
Metadata as header fields, and header fields as metadata.

Which names belong to HTTP/2 or to gRPC itself, and what a well-formed list of
fields is (RFC 9113, section 8; PROTOCOL-HTTP2.md of gRPC).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Iterable

from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.fields import Fields

__all__ = [
    "Malformed",
    "check_fields",
    "codec_of",
    "content_length_of",
    "content_type_of",
    "encodings_of",
    "fields_of",
    "metadata_of",
    "packed",
    "unpacked",
]

#: Not metadata: they have a meaning of their own. (``grpc-previous-rpc-attempts``
#: and ``grpc-trace-bin`` are metadata, though their names begin alike.)
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
#: Of HTTP/1's connections; HTTP/2 has none of them.
_CONNECTION = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
)
_NAME = re.compile(rb"[0-9a-z!#$%&'*+\-.^_`|~]+\Z")
_METADATA_NAME = re.compile(rb"[0-9a-z_.\-]+\Z")
_PLAIN_VALUE = re.compile(rb"[\x20-\x7e]*\Z")
_BREAKING = re.compile(rb"[\x00\r\n]")


class Malformed(Exception):
    """
    A header list that HTTP/2 forbids: a fault of the stream that it came on.
    """


def check_fields(fields: Fields, pseudo: frozenset[bytes]) -> dict[bytes, bytes]:
    """
    Check a header list and return its pseudo-fields.

    Args:
        pseudo: those that may be there; none in trailers.

    Raises:
        Malformed: names what is wrong, not its value.
    """
    found: dict[bytes, bytes] = {}
    regular = False
    for name, value in fields:
        if name.startswith(b":"):
            if regular or name not in pseudo or name in found:
                raise Malformed(f"pseudo-field {_shown(name)} unknown, twice, or too late")
            found[name] = value
        else:
            regular = True
            _check_regular(name, value)
        if _BREAKING.search(value):
            raise Malformed(f"field {_shown(name)} has a line break or a zero byte")
    return found


def _check_regular(name: bytes, value: bytes) -> None:
    if not _NAME.match(name):
        raise Malformed(f"{_shown(name)} is no field name: lower-case letters, digits, some signs")
    if name in _CONNECTION or (name == b"te" and value != b"trailers"):
        raise Malformed(f"field {_shown(name)} has no place in HTTP/2")


def _shown(name: bytes) -> str:
    return repr(name[:40].decode("ascii", "backslashreplace"))


def metadata_of(fields: Iterable[tuple[bytes, bytes]]) -> Metadata:
    """
    Return the metadata in a header list that `check_fields` has passed.

    Raises:
        ValueError: a ``-bin`` field is not base64.
    """
    pairs: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        # A name that no Metadata may have is some proxy's: not for the application.
        if name in _RESERVED or not _METADATA_NAME.match(name):
            continue
        if name.endswith(b"-bin"):
            # Values of one name may come joined; a comma is no letter of base64.
            pairs.extend((name.decode(), unpacked(name, part)) for part in value.split(b","))
        elif _PLAIN_VALUE.match(value):
            pairs.append((name.decode(), value.strip(b" ").decode()))
        else:
            # Kept readable, and within what every wire can carry onwards.
            text = ascii(value)[2:-1]
            pairs.append((name.decode(), text))
    return Metadata(tuple(pairs)) if pairs else EMPTY


def unpacked(name: bytes, value: bytes) -> bytes:
    """
    Undo base64, padded or not.

    Raises:
        ValueError: it is none; names the field.
    """
    text = value.strip(b" ").rstrip(b"=")
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        raise ValueError(f"field {_shown(name)} is not base64") from None


def packed(value: bytes) -> bytes:
    """
    Return bytes as base64 without padding.
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
            fields.append((key, packed(value)))
        else:
            fields.append((key, value.encode("ascii", "replace")))
    return fields


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


def encodings_of(value: bytes) -> tuple[str, ...]:
    """
    Return the compressions that ``grpc-accept-encoding`` lists.
    """
    names = (part.strip() for part in value.decode("ascii", "replace").split(","))
    return tuple(name for name in names if name and name != "identity")


def content_length_of(found: dict[bytes, bytes]) -> int:
    """
    Return what ``content-length`` says, -1 if there is none.

    Raises:
        Malformed: it is no number.
    """
    value = found.get(b"content-length")
    if value is None:
        return -1
    if not value.isdigit() or len(value) > 18:
        raise Malformed("content-length is a number")
    return int(value)
