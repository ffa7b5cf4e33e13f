"""
What every wire protocol promises, `TripleProtocol` promises for Protobuf messages.
"""

from __future__ import annotations

from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.protocol import ProtocolContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_triple.protocol import TripleProtocol
from tests.plugins.grpc import test_grpc_contract as grpc


class TestTripleContract(ProtocolContract):
    """
    Over HTTP/2, as gRPC.
    """

    def make(self):
        return TripleProtocol(options_of(TripleProtocol.Options), plugin_context())

    test_the_reason_of_a_failure = grpc.TestGRPCContract.test_the_reason_of_a_failure
