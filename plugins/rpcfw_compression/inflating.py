"""
What zlib's formats have in common: packing, and unpacking within a limit.
"""

from __future__ import annotations

import zlib
from typing import Any

from rpcfw.errors import InvalidMessage, SettingsError
from rpcfw_compression.limits import too_large

__all__ = ["checked_level", "deflated", "inflated"]


def checked_level(name: str, level: int) -> int:
    """
    Return a level that zlib knows.

    Raises:
        SettingsError: it knows no such level.
    """
    if not 1 <= level <= 9:
        raise SettingsError(f"{name}: level is 1 to 9, not {level}")
    return level


def deflated(data: bytes, level: int, wbits: int) -> bytes:
    """
    Return the packed form.

    Args:
        wbits: zlib's number for window and format.
    """
    packer = zlib.compressobj(level, zlib.DEFLATED, wbits)
    return packer.compress(data) + packer.flush()


def inflated(name: str, data: bytes, limit_bytes: int, wbits: int) -> bytes:
    """
    Return what was packed.

    Raises:
        MessageTooLarge: it is more than ``limit_bytes``.
        InvalidMessage: ``data`` is not one whole packed thing.
    """
    unpacker: Any = zlib.decompressobj(wbits)
    try:
        # One byte more than allowed tells "full" from "too much", and keeps
        # the number from being 0, which zlib reads as "no limit".
        unpacked: bytes = unpacker.decompress(data, limit_bytes + 1)
    except zlib.error as error:
        raise InvalidMessage(f"not {name}, or damaged: {error}") from None
    if len(unpacked) > limit_bytes:
        raise too_large(name, limit_bytes)
    if not unpacker.eof:
        raise InvalidMessage(f"the {name} data ends too soon")
    if unpacker.unused_data:
        raise InvalidMessage(f"{len(unpacker.unused_data)} bytes follow the {name} data")
    return unpacked
