"""
gzip: everybody has it.
"""

from __future__ import annotations

import zlib
from typing import Any, ClassVar

from rpcfw.errors import InvalidMessage, SettingsError
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Surroundings
from rpcfw_compression.limits import too_large

__all__ = ["GzipCompressor"]

#: zlib's way to say: with gzip's head and checksum.
_GZIP = 16 + zlib.MAX_WBITS


@options
class GzipOptions:
    """
    What the INI may say.
    """

    level: int = option("6", "effort, 1 (fast) to 9 (small)")


class GzipCompressor(Compressor):
    """
    RFC 1952, one member to a message.
    """

    name: ClassVar[str] = "gzip"
    Options: ClassVar[type] = GzipOptions

    def __init__(self, options: GzipOptions, surroundings: Surroundings) -> None:
        super().__init__(options, surroundings)
        if not 1 <= options.level <= 9:
            raise SettingsError(f"gzip: level is 1 to 9, not {options.level}")
        self._level = options.level

    def compress(self, data: bytes) -> bytes:
        packer = zlib.compressobj(self._level, zlib.DEFLATED, _GZIP)
        return packer.compress(data) + packer.flush()

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        unpacker: Any = zlib.decompressobj(_GZIP)
        try:
            # One byte more than allowed tells "full" from "too much", and keeps
            # the number from being 0, which zlib reads as "no limit".
            unpacked: bytes = unpacker.decompress(data, limit_bytes + 1)
        except zlib.error as error:
            raise InvalidMessage(f"not gzip, or damaged: {error}") from None
        if len(unpacked) > limit_bytes:
            raise too_large(self.name, limit_bytes)
        if not unpacker.eof:
            raise InvalidMessage("the gzip data ends too soon")
        if unpacker.unused_data:
            raise InvalidMessage(f"{len(unpacker.unused_data)} bytes follow the gzip data")
        return unpacked
