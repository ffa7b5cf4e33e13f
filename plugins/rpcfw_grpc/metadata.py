"""
Metadata as header fields, and header fields as metadata.

Which names belong to HTTP/2 or to gRPC itself, and what a well-formed list of
fields is (RFC 9113, section 8; PROTOCOL-HTTP2.md of gRPC).
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from enum import Enum
from functools import lru_cache

from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.http2.hpack_decoder import FIELD_OVERHEAD_BYTES, Fields

__all__ = [
    "Malformed",
    "Sorted",
    "codec_of",
    "content_length_of",
    "content_type_of",
    "encodings_of",
    "encodings_text",
    "fields_of",
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
_BREAKING = re.compile(rb"[\x00\r\n]")


class Malformed(Exception):
    """
    A header list that HTTP/2 forbids: a fault of the stream that it came on.
    """


class _Kind(Enum):
    PSEUDO = "a pseudo-field"
    RESERVED = "a name with a meaning of its own"
    TEXT = "metadata of text"
    BYTES = "metadata of bytes"
    FOREIGN = "a name that no metadata may have: some proxy's, and not for the application"
    WRONG = "no name of a field in HTTP/2"


@lru_cache(maxsize=1024)
def _kind(name: bytes) -> _Kind:
    if name.startswith(b":"):
        return _Kind.PSEUDO
    if name in _CONNECTION or not _NAME.match(name):
        return _Kind.WRONG
    if name in _RESERVED:
        return _Kind.RESERVED
    if not _METADATA_NAME.match(name):
        return _Kind.FOREIGN
    return _Kind.BYTES if name.endswith(b"-bin") else _Kind.TEXT


class Sorted:
    """
    A header list, checked and sorted by what its fields are.

    Args:
        fields: the list.
        pseudo: the pseudo-fields that may be there.
        before: what came before these fields in the same list.

    Attributes:
        found: pseudo-fields and reserved ones, by name.
        pairs: all others, as they came.
        regular: whether there are others than pseudo-fields.
        size: of the list, as the settings count it.

    Raises:
        Malformed: names what is wrong, never a value.
    """

    __slots__ = ("found", "pairs", "regular", "size")

    found: dict[bytes, bytes]
    regular: bool
    size: int
    pairs: list[tuple[_Kind, bytes, bytes]]

    def __init__(
        self, fields: Fields, pseudo: frozenset[bytes], before: Sorted | None = None
    ) -> None:
        found = {} if before is None else dict(before.found)
        pairs = [] if before is None else list(before.pairs)
        size = 0 if before is None else before.size
        regular = False if before is None else before.regular
        for name, value in fields:
            size += len(name) + len(value) + FIELD_OVERHEAD_BYTES
            kind = _kind(name)
            if kind is _Kind.PSEUDO:
                if regular or name not in pseudo or name in found:
                    raise Malformed(f"pseudo-field {_shown(name)} unknown, twice, or too late")
                found[name] = value
                continue
            regular = True
            if kind is _Kind.RESERVED:
                found[name] = value
            elif kind is _Kind.WRONG:
                raise Malformed(f"{_shown(name)} is no name of a field in HTTP/2")
            else:
                pairs.append((kind, name, value))
            if _BREAKING.search(value):
                raise Malformed(f"field {_shown(name)} has a line break or a zero byte")
        if found.get(b"te", b"trailers") != b"trailers":
            raise Malformed("field 'te' says trailers, or is not there")
        self.found = found
        self.regular = regular
        self.size = size
        self.pairs = pairs

    def metadata(self) -> Metadata:
        """
        Return the metadata of the list.

        Raises:
            ValueError: a ``-bin`` field is not base64.
        """
        pairs: list[tuple[str, str | bytes]] = []
        for kind, name, value in self.pairs:
            if kind is _Kind.TEXT:
                pairs.append((name.decode(), _text(value)))
            elif kind is _Kind.BYTES:
                # Values of one name may come joined; a comma is no letter of base64.
                pairs.extend((name.decode(), unpacked(name, part)) for part in value.split(b","))
        return Metadata(tuple(pairs)) if pairs else EMPTY


def _text(value: bytes) -> str:
    if value.isascii():
        text = value.decode().strip(" ")
        if text.isprintable():
            return text
    # Kept readable, and within what every wire can carry onwards.
    return ascii(value)[2:-1]


def _shown(name: bytes) -> str:
    return repr(name[:40].decode("ascii", "backslashreplace"))


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
    Return ``grpc-accept-encoding`` for compressions that can be undone.
    """
    return ",".join((*names, "identity")).encode()


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
