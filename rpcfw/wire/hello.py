"""
The first frame of each side: versions, features and limits (``docs/wire.md``).
"""

from __future__ import annotations

from struct import Struct

from attrs import frozen

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw.wire.fields import Key, line, number, pack_field, parse, text
from rpcfw.wire.frames import VERSION, Kind, pack_fixed, word

__all__ = ["MAX_CREDIT", "MIN_HEADER_BYTES", "Hello", "own_hello", "pack_hello", "parse_hello"]

#: A larger window is a mistake, or an attack on the receiver's arithmetic.
MAX_CREDIT = 2**31 - 1
#: Every side accepts headers of this size, so that every END and CANCEL fits.
MIN_HEADER_BYTES = 1024
_MAX_HEADER_BYTES = 0xFFFF
_MAX_NUMBER = 0xFFFFFFFF
_MAX_NAMES_BYTES = 512
_MAX_NAME_BYTES = 255

_U32 = Struct(">I").pack


@frozen
class Hello:
    """
    What one side says about itself. The defaults are those of fields that are missing.

    Args:
        max_body_bytes: largest body that it accepts.
        max_header_bytes: largest header that it accepts.
        window_bytes: initial flow-control window of each stream towards it.
        max_calls: maximum number of open calls.
        accepts: compression methods that it can decompress.
        application: its name.
    """

    max_body_bytes: int = 4 << 20
    max_header_bytes: int = 16 << 10
    window_bytes: int = 64 << 10
    max_calls: int = 100
    accepts: tuple[str, ...] = ()
    application: str = ""


_DEFAULTS = Hello()


def own_hello(limits: Limits, accepts: tuple[str, ...], application: str) -> Hello:
    """
    Return the HELLO of a side with these limits, each reduced to what its field can hold.
    """
    return Hello(
        max_body_bytes=min(limits.max_receive_bytes, _MAX_NUMBER),
        max_header_bytes=min(max(limits.max_header_bytes, MIN_HEADER_BYTES), _MAX_HEADER_BYTES),
        window_bytes=min(max(limits.stream_window_bytes, 1), MAX_CREDIT),
        max_calls=min(limits.max_calls, _MAX_NUMBER),
        accepts=accepts,
        application=application,
    )


def pack_hello(hello: Hello) -> bytes:
    """
    Return the whole frame.
    """
    header = b"".join(
        (
            pack_field(Key.VERSIONS, bytes((VERSION, VERSION))),
            pack_field(Key.MAX_BODY, _U32(hello.max_body_bytes)),
            pack_field(Key.MAX_HEADER, _U32(hello.max_header_bytes)),
            pack_field(Key.WINDOW, _U32(hello.window_bytes)),
            pack_field(Key.MAX_CALLS, _U32(hello.max_calls)),
            pack_field(Key.ACCEPTS, _pack_names(hello.accepts)),
            pack_field(Key.APPLICATION, hello.application.encode("utf-8")[:_MAX_NAME_BYTES]),
        )
    )
    return pack_fixed(word(Kind.HELLO), 0, 0, len(header), 0, 0) + header


def _pack_names(names: tuple[str, ...]) -> bytes:
    """
    Return the first names, as many as fit into the field.
    """
    joined = b""
    for name in names:
        more = joined + b"," * bool(joined) + name.encode("ascii")
        if len(more) > _MAX_NAMES_BYTES:
            break
        joined = more
    return joined


def parse_hello(header: bytes) -> Hello:
    """
    Read the header of the peer's HELLO.

    Raises:
        RemoteProtocolError: no common version, or a value that makes no sense.
    """
    fields, _, _ = parse(header)
    versions = fields.get(Key.VERSIONS, b"")
    if len(versions) != 2:
        raise RemoteProtocolError("HELLO does not say which versions the peer speaks")
    lowest, highest = versions
    if not lowest <= VERSION <= highest:
        raise RemoteProtocolError(
            f"no common version: the peer speaks {lowest} to {highest}, this side {VERSION}"
        )
    window = number(fields, Key.WINDOW, 4, _DEFAULTS.window_bytes)
    if not 0 < window <= MAX_CREDIT:
        raise RemoteProtocolError(f"HELLO has a window of {window} bytes")
    max_header = number(fields, Key.MAX_HEADER, 4, _DEFAULTS.max_header_bytes)
    if max_header < MIN_HEADER_BYTES:
        raise RemoteProtocolError(
            f"HELLO says that headers of {max_header} bytes are taken, "
            f"expected at least {MIN_HEADER_BYTES}"
        )
    return Hello(
        max_body_bytes=number(fields, Key.MAX_BODY, 4, _DEFAULTS.max_body_bytes),
        max_header_bytes=min(max_header, _MAX_HEADER_BYTES),
        window_bytes=window,
        max_calls=number(fields, Key.MAX_CALLS, 4, _DEFAULTS.max_calls),
        accepts=tuple(filter(None, text(fields, Key.ACCEPTS).split(","))),
        application=line(fields, Key.APPLICATION),
    )
