"""
What every wire protocol promises, gRPC promises.
"""

from __future__ import annotations

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.protocol import ProtocolContract
from rpcfw.testing.surroundings import surroundings
from rpcfw_grpc.protocol import GRPCProtocol


class TestGRPCContract(ProtocolContract):
    """
    Over HTTP/2.
    """

    def make(self) -> GRPCProtocol:
        return GRPCProtocol(NoOptions(), surroundings())
