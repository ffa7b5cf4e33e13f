"""
The text of a refusal in fastjson2's binary format, JSONB.

Dubbo 3.2 sends refusals in it, whatever the serialization of the request was: of a wrong version,
group or method, and of a result that it cannot write. Only this one string is read here; replies
with values are refused. In the body, the string has 4 bytes before it: its length with its type.
"""

from __future__ import annotations

__all__ = ["read_text"]

_LENGTH_BYTES = 4
#: A string in ASCII of up to 47 characters has its length in its type.
_SHORT = range(0x49, 0x79)
#: Others have their length in bytes after the type.
_CHARSETS = {
    0x79: "latin-1",
    0x7A: "utf-8",
    0x7B: "utf-16",
    0x7C: "utf-16-le",
    0x7D: "utf-16-be",
}
#: The text is for an error: more of it is not wanted.
_MAX_BYTES = 4096


def read_text(body: bytes) -> str:
    """
    Return the text; empty if these bytes are no string.
    """
    data = body[_LENGTH_BYTES : _LENGTH_BYTES + _MAX_BYTES]
    if not data:
        return ""
    kind = data[0]
    if kind in _SHORT:
        return _decoded(data, 1, kind - _SHORT.start, "latin-1")
    charset = _CHARSETS.get(kind)
    if charset is None:
        return ""
    length, start = _read_length(data)
    return _decoded(data, start, length, charset)


def _read_length(data: bytes) -> tuple[int, int]:
    """
    Return a length in bytes, and where the string begins.
    """
    first = data[1] if len(data) > 1 else 0
    if first < 0x30:
        return first, 2
    if first < 0x40:
        return (first - 0x38 << 8) + int.from_bytes(data[2:3], "big"), 3
    if first < 0x48:
        return (first - 0x44 << 16) + int.from_bytes(data[2:4], "big"), 4
    return int.from_bytes(data[2:6], "big"), 6


def _decoded(data: bytes, start: int, length: int, charset: str) -> str:
    return data[start : start + max(0, length)].decode(charset, "replace")
