"""
deflate, as HTTP and gRPC mean it: zlib's own format. For peers that have no gzip.
"""

from __future__ import annotations

import zlib
from typing import ClassVar

from rpcfw_compression.zlib_formats import ZlibCompressor

__all__ = ["DeflateCompressor"]


class DeflateCompressor(ZlibCompressor):
    """
    Zlib format (RFC 1950); each message is one stream.
    """

    name: ClassVar[str] = "deflate"
    #: With zlib's own head and checksum, not bare.
    wbits = zlib.MAX_WBITS
