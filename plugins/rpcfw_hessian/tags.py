"""
The first byte of a value: https://hessian.caucho.com/doc/hessian-serialization.html, section 11.

Where Dubbo's hessian-lite differs from that draft, hessian-lite is followed, and it is noted.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "BINARY",
    "BOOL",
    "DATE",
    "DOUBLE",
    "INTEGER",
    "LIST",
    "MAP",
    "NULL",
    "OBJECT",
    "REF",
    "STRING",
    "kind_of",
]

NULL = 0x4E
REF = 0x51

#: Kinds of values, each with its tags. Kinds are what errors name.
BOOL = frozenset(b"TF")
INTEGER = frozenset((*range(0x80, 0x100), *range(0x38, 0x40), *b"ILY"))
DOUBLE = frozenset(b"D\x5b\x5c\x5d\x5e\x5f")
DATE = frozenset(b"\x4a\x4b")
STRING = frozenset((*range(0x20), *range(0x30, 0x34), *b"SR"))
BINARY = frozenset((*range(0x20, 0x30), *range(0x34, 0x38), *b"AB"))
LIST = frozenset((*range(0x70, 0x80), *b"UVWX"))
MAP = frozenset(b"HM")
OBJECT = frozenset((*range(0x60, 0x70), *b"CO"))

_KINDS: tuple[tuple[str, Iterable[int]], ...] = (
    ("null", (NULL,)),
    ("a boolean", BOOL),
    ("an integer", INTEGER),
    ("a double", DOUBLE),
    ("a date", DATE),
    ("a string", STRING),
    ("a binary", BINARY),
    ("a list", LIST),
    ("a map", MAP),
    ("an object", OBJECT),
    ("a reference", (REF,)),
)
_KIND_OF = {tag: kind for kind, tags in _KINDS for tag in tags}


def kind_of(tag: int) -> str:
    """
    Return what begins with this byte.
    """
    return _KIND_OF.get(tag, f"the byte {tag:#04x}, which begins no value")
