"""
gzip: everybody has it.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

from rpcfw_compression.zlib_formats import ZlibCompressor

__all__ = ["GzipCompressor"]


class GzipCompressor(ZlibCompressor):
    """
    RFC 1952, one member to a message.
    """

    name: ClassVar[str] = "gzip"
    #: With gzip's head and checksum.
    wbits = 16 + zlib.MAX_WBITS
