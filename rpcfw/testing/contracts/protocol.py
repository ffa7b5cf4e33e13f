"""
What every wire protocol's machines promise.
"""

from __future__ import annotations

from rpcfw.testing.contracts.protocol_calls import CallPromises
from rpcfw.testing.contracts.protocol_connection import ConnectionPromises
from rpcfw.testing.contracts.protocol_streams import StreamPromises

__all__ = ["ProtocolContract", "UnaryProtocolContract"]


class UnaryProtocolContract(CallPromises, ConnectionPromises):
    """
    The tests of a wire protocol whose calls never stream.
    """

    streams = False


class ProtocolContract(CallPromises, StreamPromises, ConnectionPromises):
    """
    The tests of a wire protocol. Of one that has no streams: `UnaryProtocolContract`.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyProtocol(ProtocolContract):
            codec = "protobuf"

            def make(self):
                return MyProtocol(NoOptions(), plugin_context())
    """
