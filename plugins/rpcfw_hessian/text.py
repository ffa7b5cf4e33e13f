"""
Strings and binaries: sections 4.2 and 4.11 of the specification.

A string's length counts UTF-16 units, as Java does, and each unit is written alone in up to
three bytes. A character above U+FFFF is two units, so six bytes (CESU-8). Real UTF-8 of four
bytes is refused, as Java refuses it.
"""

from __future__ import annotations

import re

from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.tags import BINARY, kind_of

__all__ = ["STRING_HEADS", "encode_binary", "encode_string", "read_binary", "read_string"]

#: Bytes that continue a unit, bytes that begin one of three bytes, bytes of any unit.
_CONTINUING = bytes(range(0x80, 0xC0))
_LEADS_OF_THREE = bytes(range(0xE0, 0xF0))
_UP_TO_THREE = bytes(range(0xF0))
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_HIGH, _LOW = (0xD800, 0xDBFF), (0xDC00, 0xDFFF)

_STRING_CHUNK = 0x8000
#: What hessian-lite writes: its buffer of 8 KiB without three bytes for the tag and the size.
_BINARY_CHUNK = 8189

#: What comes before the text of a short string, by its size.
STRING_HEADS = [
    *(bytes((size,)) for size in range(32)),
    *(bytes((0x30 + (size >> 8), size & 0xFF)) for size in range(32, 1024)),
]


def read_string(data: bytes, pos: int, most: int) -> tuple[str, int]:
    """
    Return the string at a place where one is, and the place after it.

    Args:
        most: of its characters.
    """
    tag, count, pos = _string_head(data, pos)
    if tag != 0x52 and count <= most:
        text, pos = _units(data, pos, count)
        return (text, pos) if text.isascii() else (_joined(text), pos)
    return _read_chunks(data, pos, most, tag, count)


def _read_chunks(data: bytes, pos: int, most: int, tag: int, count: int) -> tuple[str, int]:
    """
    Return a string of several parts, of the first of which tag and size were read.
    """
    parts: list[str] = []
    total = count
    while total <= most:
        part, pos = _units(data, pos, count)
        parts.append(part)
        if tag != 0x52:
            return _joined("".join(parts)), pos
        tag, count, pos = _string_head(data, pos)
        total += count
    raise HessianError(f"expected a string of at most {most} characters, got more")


def _string_head(data: bytes, pos: int) -> tuple[int, int, int]:
    """
    Return the tag of a part of a string, its size and the place of its text.
    """
    tag = data[pos]
    if tag < 0x20:
        return tag, tag, pos + 1
    if 0x30 <= tag < 0x34:
        return tag, ((tag - 0x30) << 8) + data[pos + 1], pos + 2
    if tag in b"RS":
        return tag, (data[pos + 1] << 8) + data[pos + 2], pos + 3
    raise HessianError(f"expected another part of a string, got {kind_of(tag)}")


def read_binary(data: bytes, pos: int, most: int) -> tuple[bytes, int]:
    """
    Return the binary at a place where one is, and the place after it.
    """
    parts = []
    total = 0
    while True:
        tag, count, pos = _binary_head(data, pos)
        total += count
        if total > most:
            raise HessianError(f"expected a binary of at most {most} bytes, got more")
        if pos + count > len(data):
            raise HessianError(f"expected {count} bytes, got the end of the message")
        parts.append(data[pos : pos + count])
        pos += count
        if tag != 0x41:
            return b"".join(parts), pos


def _binary_head(data: bytes, pos: int) -> tuple[int, int, int]:
    """
    Return the tag of a part of a binary, its size and the place of its bytes.
    """
    tag = data[pos]
    if tag not in BINARY:
        raise HessianError(f"expected another part of a binary, got {kind_of(tag)}")
    if tag < 0x30:
        return tag, tag - 0x20, pos + 1
    if tag < 0x38:
        return tag, ((tag - 0x34) << 8) + data[pos + 1], pos + 2
    return tag, (data[pos + 1] << 8) + data[pos + 2], pos + 3


def _units(data: bytes, pos: int, count: int) -> tuple[str, int]:
    """
    Return so many UTF-16 units from a place on, and the place after them.
    """
    end = pos + count
    chunk = data[pos:end]
    if len(chunk) < count:
        raise HessianError(f"expected a string of {count} characters, got the end of the message")
    if chunk.isascii():
        return chunk.decode("ascii"), end
    end = _end_of_units(data, pos, count)
    return _text(data[pos:end]), end


def _end_of_units(data: bytes, pos: int, count: int) -> int:
    """
    Return where so many units end. Each has one byte that is no continuation byte.
    """
    end = pos + 3 * count
    if end <= len(data) and not data[pos:end:3].translate(None, _LEADS_OF_THREE):
        return end  # three bytes each, as most characters of China, Japan and Korea
    end = pos
    while count:
        chunk = data[end : end + count]
        if len(chunk) < count:
            raise HessianError("expected more characters of a string, got the end of the message")
        end += count
        count -= len(chunk.translate(None, _CONTINUING))
    last = end - 1
    while 0x80 <= data[last] < 0xC0:
        last -= 1
    return last + (1 if data[last] < 0xC0 else 2 if data[last] < 0xE0 else 3)


def _text(chunk: bytes) -> str:
    """
    Return the text of units, surrogate pairs still apart.
    """
    if chunk.translate(None, _UP_TO_THREE):
        raise HessianError(
            "expected UTF-16 units of one to three bytes, got UTF-8 of four bytes; "
            "write a character above U+FFFF as two surrogates"
        )
    # Java's own ("modified") UTF-8 writes U+0000 in two bytes.
    return chunk.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")


def _joined(text: str) -> str:
    """
    Return a text with surrogate pairs made one character.

    A surrogate without its partner is kept: Java strings may have one, if one was cut.
    """
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def encode_string(text: str) -> bytes:
    """
    Return a string in the shortest form.
    """
    if text.isascii():
        if len(text) <= _STRING_CHUNK:
            return _head(len(text)) + text.encode()
    else:
        text = _ASTRAL.sub(_pair, text)
        if len(text) <= _STRING_CHUNK:
            return _head(len(text)) + text.encode("utf-8", "surrogatepass")
    return b"".join(_chunks(text))


def _head(count: int) -> bytes:
    """
    Return the tag and size of the last chunk of a string.
    """
    return STRING_HEADS[count] if count < 1024 else b"S" + count.to_bytes(2, "big")


def _pair(match: re.Match[str]) -> str:
    """
    Return the two surrogates of a character above U+FFFF.
    """
    code = ord(match[0]) - 0x10000
    return chr(_HIGH[0] + (code >> 10)) + chr(_LOW[0] + (code & 0x3FF))


def _chunks(text: str) -> list[bytes]:
    """
    Return a long string in chunks, none of which ends between two surrogates.
    """
    parts = []
    start = 0
    while len(text) - start > _STRING_CHUNK:
        end = start + _STRING_CHUNK
        if _HIGH[0] <= ord(text[end - 1]) <= _HIGH[1]:
            end -= 1
        parts.append(b"R" + (end - start).to_bytes(2, "big"))
        parts.append(text[start:end].encode("utf-8", "surrogatepass"))
        start = end
    parts.append(_head(len(text) - start))
    parts.append(text[start:].encode("utf-8", "surrogatepass"))
    return parts


def encode_binary(value: bytes) -> bytes:
    """
    Return bytes in chunks.
    """
    parts = []
    start = 0
    while len(value) - start > _BINARY_CHUNK:
        parts.append(b"A" + _BINARY_CHUNK.to_bytes(2, "big"))
        parts.append(value[start : start + _BINARY_CHUNK])
        start += _BINARY_CHUNK
    count = len(value) - start
    if count < 16:
        parts.append(bytes((0x20 + count,)))
    elif count < 1024:
        parts.append(bytes((0x34 + (count >> 8), count & 0xFF)))
    else:
        parts.append(b"B" + count.to_bytes(2, "big"))
    parts.append(value[start:])
    return b"".join(parts)
