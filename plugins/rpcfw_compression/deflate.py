"""
deflate, as HTTP and gRPC mean it: zlib's own format. For peers that have no gzip.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

from rpcfw.spi.compressor import Compressor
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import Surroundings
from rpcfw_compression.inflating import checked_level, deflated, inflated

__all__ = ["DeflateCompressor"]

#: zlib's way to say: with its own head and checksum, not bare.
_WBITS = zlib.MAX_WBITS


@options
class DeflateOptions:
    """
    What the INI may say.
    """

    level: int = option("6", "effort, 1 (fast) to 9 (small)")


class DeflateCompressor(Compressor):
    """
    RFC 1950, one stream to a message.
    """

    name: ClassVar[str] = "deflate"
    Options: ClassVar[type] = DeflateOptions

    def __init__(self, options: DeflateOptions, surroundings: Surroundings) -> None:
        super().__init__(options, surroundings)
        self._level = checked_level(self.name, options.level)

    def compress(self, data: bytes) -> bytes:
        return deflated(data, self._level, _WBITS)

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        return inflated(self.name, data, limit_bytes, _WBITS)
