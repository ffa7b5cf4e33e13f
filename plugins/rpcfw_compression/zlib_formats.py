"""
What zlib's formats have in common: packing, and unpacking within a limit.
"""

from __future__ import annotations

import zlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from rpcfw.errors import InvalidMessage
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw_compression.limits import too_large

__all__ = ["ZlibCompressor", "ZlibOptions"]


@options
class ZlibOptions:
    """
    What the INI may say.
    """

    level: int = option("6", "compression level, 1 (fast) to 9 (small)")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a level that zlib does not know.
        """
        if not 1 <= self.level <= 9:
            yield "level", f"must be 1 to 9, not {self.level}"


class ZlibCompressor(Compressor):
    """
    One of zlib's formats; a subclass says which.
    """

    Options: ClassVar[type] = ZlibOptions

    def __init__(self, options: ZlibOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._level = options.level

    @property
    @abstractmethod
    def wbits(self) -> int:
        """
        zlib's number for window and format.
        """

    def compress(self, data: bytes) -> bytes:
        packer = zlib.compressobj(self._level, zlib.DEFLATED, self.wbits)
        return packer.compress(data) + packer.flush()

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        name = self.name
        decompressor: Any = zlib.decompressobj(self.wbits)
        try:
            # One byte more than allowed tells "full" from "too much", and keeps
            # the number from being 0, which zlib reads as "no limit".
            decompressed: bytes = decompressor.decompress(data, limit_bytes + 1)
        except zlib.error as error:
            raise InvalidMessage(f"not {name}, or damaged: {error}") from None
        if len(decompressed) > limit_bytes:
            raise too_large(name, limit_bytes)
        if not decompressor.eof:
            raise InvalidMessage(f"the {name} data ends too soon")
        if decompressor.unused_data:
            raise InvalidMessage(f"{len(decompressor.unused_data)} bytes follow the {name} data")
        return decompressed
