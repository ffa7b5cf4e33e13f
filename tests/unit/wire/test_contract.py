"""
The native protocol keeps the promises of its seam.
"""

from __future__ import annotations

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.protocol import ProtocolContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.wire.protocol import NativeProtocol


class TestNativeContract(ProtocolContract):
    slack_bytes = 600

    def make(self):
        return NativeProtocol(NoOptions(), plugin_context())
