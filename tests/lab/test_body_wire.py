"""
The wire of these tests that has the head in the body keeps the promises of its seam.
"""

from __future__ import annotations

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.protocol import UnaryProtocolContract
from rpcfw.testing.plugin_context import plugin_context
from tests.lab.body_wire import BodyProtocol


class TestBodyWire(UnaryProtocolContract):
    codec = "raw"

    def make(self):
        return BodyProtocol(NoOptions(), plugin_context())
