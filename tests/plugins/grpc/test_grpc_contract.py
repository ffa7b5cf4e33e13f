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

    def test_the_last_word(self) -> None:
        """
        A side that breaks off says why; HTTP/2 lets what it has answered still arrive.

        A GOAWAY without an error is how a connection is closed in order, so its peer
        hears of a leaving, and of the end when the connection ends.
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
