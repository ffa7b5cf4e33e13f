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
    The gzip format (RFC 1952); each message is one member.
    """

    name: ClassVar[str] = "gzip"
    #: With gzip's head and checksum.
    wbits = 16 + zlib.MAX_WBITS
