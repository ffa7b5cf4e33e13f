"""
gzip: everybody has it.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

from rpcfw.spi.compressor import Compressor
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Surroundings
from rpcfw_compression.inflating import checked_level, deflated, inflated

__all__ = ["GzipCompressor"]

#: zlib's way to say: with gzip's head and checksum.
_WBITS = 16 + zlib.MAX_WBITS


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
        self._level = checked_level(self.name, options.level)

    def compress(self, data: bytes) -> bytes:
        return deflated(data, self._level, _WBITS)

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        return inflated(self.name, data, limit_bytes, _WBITS)
