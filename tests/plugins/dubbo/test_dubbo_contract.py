"""
What every wire protocol promises, `DubboProtocol` promises: for unary calls, uncompressed.
"""

from __future__ import annotations

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.testing.contracts.protocol import UnaryProtocolContract
from rpcfw.testing.contracts.protocol_case import raised, status_of, status_of_call
from rpcfw.testing.conversation import Conversation
from rpcfw.testing.plugin_context import plugin_context
from tests.plugins.dubbo.bytes_protocol import BytesProtocol


class TestDubboContract(UnaryProtocolContract):
    codec = "dubbo"
    compresses = False

    def make(self):
        return BytesProtocol(plugin_context())

    def test_too_large_to_send(self):
        """
        A message over max_send_bytes is refused with name and limit. The call is open.
        """
        talk = self.talk(max_send_bytes=1000)
        near, far = talk.client.machine, talk.server.machine
        call_id = self.begin(talk)
        for ask in (
            lambda: near.call(self.head(), bytes(1001), "", ended=True),
            lambda: far.respond(call_id, bytes(1001)),
        ):
            error = raised(ask)
            assert isinstance(error, MessageTooLarge)
            assert "max_send_bytes of 1000" in error.message
        far.respond(call_id, bytes(990))
        talk.settle()

        assert [bytes(990)] == talk.client[call_id].bodies

    def test_too_large_to_receive(self):
        """
        A frame over the peer's limit, head and message together, ends its call only.
        """
        protocol, small = self.make(), Limits(max_receive_bytes=1000)
        client, server = protocol.client(small, ()), protocol.server(small, ())
        talk = Conversation(client, server)
        talk.settle()
        assert Status.RESOURCE_EXHAUSTED is status_of_call(talk, self.head(), bytes(1001))

        call_id = self.begin(talk, bytes(700))
        server.respond(call_id, bytes(1001))
        talk.settle()
        assert Status.RESOURCE_EXHAUSTED is status_of(talk.client[call_id])
        assert not talk.client.failed
        assert not talk.server.failed
        call_id = self.begin(talk)
        server.respond(call_id, bytes(900))
        talk.settle()
        assert [bytes(900)] == talk.client[call_id].bodies
