"""
The fixed part of a frame, and the numbers in it (``docs/wire.md`` sections 1 to 3).

Nothing here knows in which order frames may arrive.
"""

from __future__ import annotations

from struct import Struct

__all__ = [
    "CODEC_NAMED",
    "CODEC_NAMES",
    "CODEC_NUMBERS",
    "COMPRESSED",
    "END_OF_FIXED_BYTES",
    "END_OF_STREAM",
    "FIXED_BYTES",
    "MAGIC",
    "NO_MESSAGE",
    "ONE_WAY",
    "VERSION",
    "Kind",
    "pack_end_of_fixed",
    "pack_fixed",
    "unpack_fixed",
    "word",
]

MAGIC = 0xF752
VERSION = 1

# Flags.
COMPRESSED = 0x01
ONE_WAY = 0x02
END_OF_STREAM = 0x04
NO_MESSAGE = 0x08

CODEC_NAMES = {1: "protobuf", 2: "json", 3: "raw", 4: "hessian2"}
CODEC_NUMBERS = {name: number for number, name in CODEC_NAMES.items()}
CODEC_NAMED = 255


class Kind:
    """
    Frame kinds. Plain numbers, not an enum: each frame's kind is compared.
    """

    HELLO = 1
    REQUEST = 2
    RESPONSE = 3
    MESSAGE = 4
    END = 5
    CANCEL = 6
    CREDIT = 7
    PING = 8
    PONG = 9
    GOAWAY = 10
    FAILED = 11
    FIRST_OPTIONAL = 0x80


def word(kind: int) -> int:
    """
    Return the first four bytes of a frame, magic, version and kind, as one number.
    """
    return MAGIC << 16 | VERSION << 8 | kind


#: Magic, version and kind as one number, so that one comparison is enough for the usual
#: frame; flags, codec, header length, body length, call id.
_FIXED = Struct(">IBBHII")
FIXED_BYTES = _FIXED.size
pack_fixed = _FIXED.pack
unpack_fixed = _FIXED.unpack_from
#: Body length and call id. What precedes them is the same in all frames of a kind without a header.
pack_end_of_fixed = Struct(">II").pack
END_OF_FIXED_BYTES = 8
