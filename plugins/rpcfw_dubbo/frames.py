"""
The header of Dubbo's frames, and the numbers in it.

A frame is 16 bytes and a body. All integers are big-endian::

    magic 2 | flags 1 | status 1 | request id 8, signed | length of the body 4, signed

The header has no space for anything else: what an extension needs is in the attachments, which
are in the body.
"""

from __future__ import annotations

from struct import Struct

__all__ = [
    "EVENT",
    "FASTJSON2",
    "HEADER_BYTES",
    "HESSIAN2",
    "MAGIC",
    "MAGIC_BYTES",
    "REQUEST",
    "SERIALIZATION",
    "SERIALIZATION_NAMES",
    "TWO_WAY",
    "ReplyStatus",
    "pack_header",
    "unpack_header",
]

MAGIC = 0xDABB
MAGIC_BYTES = MAGIC.to_bytes(2, "big")

# Flags. The low five bits are the id of the serialization of the body.
REQUEST = 0x80
TWO_WAY = 0x40
EVENT = 0x20
SERIALIZATION = 0x1F

HESSIAN2 = 2
FASTJSON2 = 23
#: Those that a peer may ask for, so that a refusal can name them.
SERIALIZATION_NAMES = {
    2: "hessian2",
    3: "java",
    4: "compactedjava",
    6: "fastjson",
    7: "nativejava",
    8: "kryo",
    9: "fst",
    10: "native-hessian",
    11: "avro",
    12: "protostuff",
    16: "gson",
    18: "jackson",
    21: "protobuf-json",
    22: "protobuf",
    23: "fastjson2",
    25: "kryo2",
    27: "msgpack",
    28: "fury",
}


class ReplyStatus:
    """
    The status of a reply. If it is not OK, the body is one string: the reason.

    Plain numbers, not an enum: each reply's status is compared.
    """

    OK = 20
    SERIALIZATION_ERROR = 25
    CLIENT_TIMEOUT = 30
    SERVER_TIMEOUT = 31
    CHANNEL_INACTIVE = 35
    BAD_REQUEST = 40
    BAD_RESPONSE = 50
    SERVICE_NOT_FOUND = 60
    SERVICE_ERROR = 70
    SERVER_ERROR = 80
    CLIENT_ERROR = 90
    THREAD_POOL_EXHAUSTED = 100


_HEADER = Struct(">HBBqi")
HEADER_BYTES = _HEADER.size
pack_header = _HEADER.pack
unpack_header = _HEADER.unpack_from
