"""
Zstandard: packs better than gzip in less time. Needs the extra ``zstd``.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import local
from typing import ClassVar

import zstandard

from rpcfw.errors import InvalidMessage
from rpcfw.spi.compressor import Compressor
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.units import Bytes
from rpcfw_compression.limits import too_large

__all__ = ["ZstdCompressor"]

#: How much is decompressed at a time while a frame of unknown size is measured.
_PIECE_BYTES = 1 << 16


@options
class ZstdOptions:
    """
    What the INI may say.
    """

    level: int = option("3", "compression level, 1 (fast) to 19 (small)")
    max_window: Bytes = option("8MiB", "maximum window that the frame of a peer may require")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what the library would not take.
        """
        if not 1 <= self.level <= 19:
            yield "level", f"must be 1 to 19, not {self.level}"
        if not 1 << 10 <= self.max_window <= 1 << 30:
            yield "max_window", f"must be 1KiB to 1GiB, not {self.max_window}B"


class _Contexts(local):
    """
    The library's contexts, one pair for each thread.

    A context works without the interpreter lock and takes no lock of its own: two threads
    in one context corrupt memory.
    """

    def __init__(self, level: int, max_window_bytes: int) -> None:
        self.packer = zstandard.ZstdCompressor(level=level)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=max_window_bytes)


class ZstdCompressor(Compressor):
    """
    Zstandard (RFC 8878) without dictionaries; each message is one frame.

    A frame names the window it needs, which an decompressor must keep in memory; a
    hostile one may name gigabytes, so that is bounded beside the message's size.
    """

    name: ClassVar[str] = "zstd"
    Options: ClassVar[type] = ZstdOptions

    def __init__(self, options: ZstdOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._contexts = _Contexts(options.level, options.max_window)

    def compress(self, data: bytes) -> bytes:
        return self._contexts.packer.compress(data)

    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        try:
            size = zstandard.frame_content_size(data)
            if size > limit_bytes or (
                size <= 0 and self._measured(data, limit_bytes) > limit_bytes
            ):
                raise too_large(self.name, limit_bytes)
            if size <= 0:
                return self._unsized(data)
            return self._contexts.decompressor.decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise InvalidMessage(f"not a whole zstd frame: {error}") from None

    def _measured(self, data: bytes, limit_bytes: int) -> int:
        """
        Return what a frame unpacks to that does not say it, without keeping it.

        Gives up once it is over the limit. A frame that says 0 is measured too: the
        library's quick way would not look inside.
        """
        size = 0
        reader = self._contexts.decompressor.stream_reader(data)
        while size <= limit_bytes:
            piece = reader.read(_PIECE_BYTES)
            if not piece:
                break
            size += len(piece)
        return size

    def _unsized(self, data: bytes) -> bytes:
        decompressor = self._contexts.decompressor.decompressobj()
        decompressed = decompressor.decompress(data)
        if not decompressor.eof:
            raise InvalidMessage("the zstd frame ends too soon")
        if decompressor.unused_data:
            raise InvalidMessage(f"{len(decompressor.unused_data)} bytes follow the zstd frame")
        return decompressed
