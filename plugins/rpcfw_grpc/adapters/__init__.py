"""
grpcio's generated code on this framework: its servicers served, its stubs called.

Nothing here imports grpcio before an adapter is used, and then only its words: status
codes, the end-of-stream mark and the exception that callers catch.
"""

from __future__ import annotations

from rpcfw_grpc.adapters.blocking_channel import BlockingChannel
from rpcfw_grpc.adapters.channel import AioChannel
from rpcfw_grpc.adapters.servicers import Servicers

__all__ = ["AioChannel", "BlockingChannel", "Servicers"]
