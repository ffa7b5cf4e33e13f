"""
The first frame of each side: versions, features and limits (``docs/wire.md``).
"""

from __future__ import annotations

from struct import Struct

from attrs import frozen

from rpcfw.errors import RemoteProtocolError
from rpcfw.wire.fields import Key, number, pack_field, parse, text
from rpcfw.wire.frames import VERSION, Kind, pack_fixed, word

__all__ = ["MOST_CREDIT", "Hello", "pack_hello", "parse_hello"]

#: Credit above this is a mistake, or an attack on the receiver's arithmetic.
MOST_CREDIT = 2**31 - 1

_U32 = Struct(">I").pack


@frozen
class Hello:
    """
    What one side says of itself. The defaults are for fields that did not come.

    Args:
        max_body_bytes: largest body it takes.
        max_header_bytes: largest header it takes.
        window_bytes: credit that each stream towards it starts with.
        max_calls: calls that may be open at once.
        accepts: compressions that it can undo.
        application: its name.
    """

    max_body_bytes: int = 4 << 20
    max_header_bytes: int = 16 << 10
    window_bytes: int = 64 << 10
    max_calls: int = 100
    accepts: tuple[str, ...] = ()
    application: str = ""


def pack_hello(hello: Hello) -> bytes:
    """
    Return the whole frame.
    """
    header = b"".join(
        (
            pack_field(Key.VERSIONS, bytes((VERSION, VERSION))),
            pack_field(Key.MOST_BODY, _U32(min(hello.max_body_bytes, 2**32 - 1))),
            pack_field(Key.MOST_HEADER, _U32(hello.max_header_bytes)),
            pack_field(Key.WINDOW, _U32(hello.window_bytes)),
            pack_field(Key.MOST_CALLS, _U32(hello.max_calls)),
            pack_field(Key.ACCEPTS, ",".join(hello.accepts).encode("ascii")),
            pack_field(Key.APPLICATION, hello.application.encode("utf-8")[:255]),
        )
    )
    return pack_fixed(word(Kind.HELLO), 0, 0, len(header), 0, 0) + header


def parse_hello(header: bytes) -> Hello:
    """
    Read the header of the peer's HELLO.

    Raises:
        RemoteProtocolError: no common version, or nonsense.
    """
    fields, _, _ = parse(header)
    versions = fields.get(Key.VERSIONS, b"")
    if len(versions) != 2:
        raise RemoteProtocolError("HELLO does not say which versions the peer speaks")
    if not versions[0] <= VERSION <= versions[1]:
        raise RemoteProtocolError(
            f"no common version: the peer speaks {versions[0]} to {versions[1]}, this side {VERSION}"
        )
    window = number(fields, Key.WINDOW, 4, Hello().window_bytes)
    if not 0 < window <= MOST_CREDIT:
        raise RemoteProtocolError(f"HELLO has a window of {window} bytes")
    return Hello(
        max_body_bytes=number(fields, Key.MOST_BODY, 4, Hello().max_body_bytes),
        max_header_bytes=min(number(fields, Key.MOST_HEADER, 4, Hello().max_header_bytes), 0xFFFF),
        window_bytes=window,
        max_calls=number(fields, Key.MOST_CALLS, 4, Hello().max_calls),
        accepts=tuple(filter(None, text(fields, Key.ACCEPTS).split(","))),
        application=text(fields, Key.APPLICATION),
    )
