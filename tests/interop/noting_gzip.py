"""
gzip and deflate that note what they unpacked: how the cases learn what came compressed.
"""

from __future__ import annotations

from contextvars import ContextVar

from rpcfw_compression.deflate import DeflateCompressor
from rpcfw_compression.gzip import GzipCompressor

__all__ = ["COMPRESSING", "SETS", "NotingDeflate", "NotingGzip", "came_compressed"]

#: Settings for an application that speaks gRPC and compresses what is asked for alone.
SETS = (
    "app.protocols=native, grpc",
    "app.compressors=gzip, deflate",
    # Room for 16 MiB of data, and what Protobuf says of it.
    "limits.max_receive_bytes=17MiB",
    "limits.max_send_bytes=17MiB",
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "plugins.compressors.deflate=tests.interop.noting_gzip:NotingDeflate",
    "plugins.compressors.gzip=tests.interop.noting_gzip:NotingGzip",
)

#: The same for one that compresses all that is large.
COMPRESSING = (*SETS, "compression.plugin=gzip")

_unpacked: ContextVar[bool] = ContextVar("unpacked", default=False)


class _Noting:
    """
    Messages are unpacked in the context of the code that gets them.
    """

    def decompress(self, data, limit_bytes):
        _unpacked.set(True)
        return super().decompress(data, limit_bytes)


class NotingGzip(_Noting, GzipCompressor):
    pass


class NotingDeflate(_Noting, DeflateCompressor):
    pass


def came_compressed():
    """
    Tell whether the message that came last was compressed.
    """
    last = _unpacked.get()
    _unpacked.set(False)
    return last
