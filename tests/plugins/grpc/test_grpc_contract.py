"""
What every wire protocol promises, gRPC promises.
"""

from __future__ import annotations

from rpcfw.spi.events import GoAwayReceived
from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.protocol import ProtocolContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_grpc.protocol import GRPCProtocol


class TestGRPCContract(ProtocolContract):
    """
    Over HTTP/2.
    """

    def make(self) -> GRPCProtocol:
        return GRPCProtocol(NoOptions(), plugin_context())

    def test_the_reason_of_a_failure(self) -> None:
        """
        A side that fails the connection sends the reason in a GOAWAY (RFC 9113 section 6.8).

        It has the code NO_ERROR, so that responses which were sent still arrive. The other side
        reports a GOAWAY, and the end when the connection is closed.
        """
        for at_server in (True, False):
            talk = self.talk()
            side, other = talk.server, talk.client
            if not at_server:
                side, other = other, side
            side.machine.fail("enough of this")
            side.machine.fail("again")
            talk.settle()
            (leaving,) = other.of(GoAwayReceived)
            assert isinstance(leaving, GoAwayReceived)
            assert "enough of this" in leaving.reason
            assert [] == side.machine.receive(b"\x00" * 100)
