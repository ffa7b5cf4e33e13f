"""
Header fields: ``key | length | value`` (``docs/wire.md`` section 2).
"""

from __future__ import annotations

import re
from struct import Struct

from rpcfw.errors import MessageTooLarge, RemoteProtocolError
from rpcfw.status import Hint
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.wire.frames import COMPRESSED

__all__ = [
    "Key",
    "encoding_field",
    "encoding_of",
    "line",
    "number",
    "pack_field",
    "pack_pairs",
    "pack_pairs_within",
    "parse",
    "text",
    "text_field",
]


class Key:
    """
    Field keys.
    """

    METHOD_FIRST = 1
    METHOD = 2
    TIME_LEFT = 3
    METADATA = 4
    CODEC_NAME = 5
    STATUS = 6
    TEXT = 7
    HINTS = 8
    RETRY_AFTER = 9
    TRAILER = 10
    ENCODING = 11
    LOAD_REPORT = 12
    TRACE = 13
    VERSIONS = 32
    FEATURES = 33
    MAX_BODY = 34
    MAX_HEADER = 35
    WINDOW = 36
    MAX_CALLS = 37
    ACCEPTS = 38
    APPLICATION = 39


_PREFIX = Struct(">BH")
_PAIRS = (Key.METADATA, Key.TRAILER)
_MAX_FIELD_BYTES = 0xFFFF
_MAX_NAME_BYTES = 0xFF
_MAX_TEXT_BYTES = 1000
# As in `rpcfw.values.metadata`: what arrives on this wire may be sent on another one.
_NAME = re.compile(rb"[0-9a-z_.\-]+\Z")
_VALUE = re.compile(rb"[\x20-\x7e]*\Z")


def pack_field(key: int, value: bytes) -> bytes:
    """
    Return one field.
    """
    return _PREFIX.pack(key, len(value)) + value


def text_field(value: str) -> bytes:
    """
    Return a text for people as a field, shortened to a readable length.
    """
    raw = value.encode("utf-8", "replace")
    if len(raw) > _MAX_TEXT_BYTES:
        raw = raw[:_MAX_TEXT_BYTES].decode("utf-8", "ignore").encode("utf-8")
    return pack_field(Key.TEXT, raw)


def encoding_field(encoding: str) -> bytes:
    """
    Return the name of a compression as a field.
    """
    return pack_field(Key.ENCODING, encoding.encode("ascii"))


def pack_pairs(key: int, metadata: Metadata) -> bytes:
    """
    Return metadata as repeated fields.

    Raises:
        MessageTooLarge: a pair is larger than a field can be.
    """
    return b"".join([_pack_pair(key, name, value) for name, value in metadata.pairs])


def pack_pairs_within(key: int, metadata: Metadata, limit_bytes: int) -> bytes:
    """
    Return the first pairs, as many as fit into the limit.
    """
    taken = bytearray()
    for name, value in metadata.pairs:
        if len(taken) + 4 + len(name) + len(value) > limit_bytes or len(name) > _MAX_NAME_BYTES:
            break
        taken += _pack_pair(key, name, value)
    return bytes(taken)


def _pack_pair(key: int, name: str, value: str | bytes) -> bytes:
    name_bytes = name.encode("ascii")
    raw = value if isinstance(value, bytes) else value.encode("ascii")
    size = 1 + len(name_bytes) + len(raw)
    if len(name_bytes) > _MAX_NAME_BYTES or size > _MAX_FIELD_BYTES:
        raise MessageTooLarge(
            f"metadata {name[:_MAX_NAME_BYTES]!r} has {size} bytes; a name has at most "
            f"{_MAX_NAME_BYTES}, and with its value {_MAX_FIELD_BYTES - 1}",
            hints=Hint.NEVER_SENT,
        )
    return pack_field(key, bytes((len(name_bytes),)) + name_bytes + raw)


def parse(header: bytes) -> tuple[dict[int, bytes], Metadata, Metadata]:
    """
    Return the fields by key, the metadata and the trailers.

    Raises:
        RemoteProtocolError: the lengths do not add up, or a pair is malformed.
    """
    fields: dict[int, bytes] = {}
    pairs: dict[int, list[tuple[str, str | bytes]]] = {}
    offset, size = 0, len(header)
    while offset < size:
        if size - offset < 3:
            raise RemoteProtocolError(f"{size - offset} bytes are left over after the last field")
        key, length = _PREFIX.unpack_from(header, offset)
        offset += 3
        value = header[offset : offset + length]
        if len(value) < length:
            raise RemoteProtocolError(f"field {key} says {length} bytes, {len(value)} are there")
        offset += length
        if key in _PAIRS:
            pairs.setdefault(key, []).append(_parse_pair(value))
        else:
            fields[key] = value
    if not pairs:
        return fields, EMPTY, EMPTY
    return fields, _metadata(pairs.get(Key.METADATA)), _metadata(pairs.get(Key.TRAILER))


def _metadata(pairs: list[tuple[str, str | bytes]] | None) -> Metadata:
    return Metadata(tuple(pairs)) if pairs else EMPTY


def _parse_pair(value: bytes) -> tuple[str, str | bytes]:
    length = value[0] if value else 0
    name, rest = value[1 : 1 + length], value[1 + length :]
    if len(name) < length or not _NAME.match(name):
        raise RemoteProtocolError("a metadata pair without a name of a-z 0-9 - _ .")
    if name.endswith(b"-bin"):
        return name.decode("ascii"), rest
    if not _VALUE.match(rest):
        shown = name.decode("ascii")
        raise RemoteProtocolError(f"metadata {shown!r} has a value that is not printable ASCII")
    return name.decode("ascii"), rest.decode("ascii")


def number(fields: dict[int, bytes], key: int, width: int, default: int) -> int:
    """
    Return a field as a number of ``width`` bytes; the default if it is not there.

    Raises:
        RemoteProtocolError: it has another width.
    """
    value = fields.get(key)
    if value is None:
        return default
    if len(value) != width:
        raise RemoteProtocolError(f"field {key} has {len(value)} bytes, expected {width}")
    return int.from_bytes(value, "big")


def text(fields: dict[int, bytes], key: int) -> str:
    """
    Return a field as text, empty if it is not there.

    Texts are for people: bytes that are not UTF-8 are replaced, not refused.
    """
    return fields.get(key, b"").decode("utf-8", "replace")


def line(fields: dict[int, bytes], key: int) -> str:
    """
    Return a field as text for a log: short, and without unprintable characters.
    """
    words = text(fields, key)[:_MAX_TEXT_BYTES]
    return words if words.isprintable() else "".join(c if c.isprintable() else "?" for c in words)


def encoding_of(fields: dict[int, bytes], flags: int) -> str:
    """
    Return the compression of a frame's body, empty for none.

    Raises:
        RemoteProtocolError: the body is marked as compressed, and no encoding is named.
    """
    if not flags & COMPRESSED:
        return ""
    encoding = text(fields, Key.ENCODING)
    if not encoding:
        raise RemoteProtocolError("a body is marked as compressed, but no encoding is named")
    return encoding
