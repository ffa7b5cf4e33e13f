"""
An honest client beside many peers that make the server hold what it can.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from struct import pack

import pytest
from twisted.internet.protocol import Factory, Protocol

from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.spi.service import Service, method
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address
from tests.plugins.grpc import pair
from tests.unit.wire.speech import MESSAGE, NO_MESSAGE, REQUEST, field, frame, hello

PEERS = 20
JSON = 2
TEXT = b'"' + 10_000 * b"x" + b'"'


class Busy(Service, name="demo.Busy"):
    """
    Reads nothing of what some callers send, and answers the others.
    """

    @method
    async def unread(self, texts: AsyncIterator[str]) -> str:
        await Waiter()
        return ""

    @method
    async def echo(self, text: str) -> str:
        return text

    @method
    async def join(self, texts: AsyncIterator[str]) -> str:
        return "".join([text async for text in texts])


class Peer(Protocol):
    """
    Begins a call over one wire and sends messages that nobody reads.
    """

    lost = False
    heard = b""

    def begin(self, wire: str) -> None:
        if wire == "native":
            path = field(1, pack(">H", 1) + b"demo.Busy/unread")
            begin = hello() + frame(REQUEST, path, b"", 1, flags=NO_MESSAGE, codec=JSON)
            self.message = frame(MESSAGE, body=TEXT, call_id=1)
        else:
            fields = dict(pair.REQUEST)
            fields[b":path"] = b"/demo.Busy/unread"
            fields[b"content-type"] = b"application/grpc+json"
            begin = pair.HELLO + pair.head(1, list(fields.items()))
            self.message = pair.chunk(1, pair.message(TEXT))
        self.transport.write(begin)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def connectionLost(self, reason=None) -> None:
        self.lost = True


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_an_honest_client_is_served_all_the_while(lab, wire):
    """
    None of its calls fails, however much the others send; and they need not be closed.
    """
    wires = f"app.protocols={wire}"
    sets = [
        wires,
        f"server.protocols={wire}",
        "server.max_buffered_bytes=2MiB",
        "server.max_connection_buffered_bytes=512KiB",
    ]
    process = lab.serve(Busy(), sets=sets)
    client = lab.consumer(wires, f"client.protocols={wire}").application.client(Busy)
    network = Network(lab.clock, process.network)
    peers = []
    for _ in range(PEERS):
        connecting = network.client(Address("memory", process.name), 1.0).connect(
            Factory.forProtocol(Peer)
        )
        lab.until(lambda done=connecting: done.called)
        peers.append(connecting.result)
        peers[-1].begin(wire)

    async def texts(count):
        for number in range(count):
            yield f"{number:05}" * 1000

    for number in range(20):
        for peer in peers:
            peer.transport.write(3 * peer.message)
        assert str(number) == lab.run(client.echo(str(number)))
        assert 10 * 5000 == len(lab.run(client.join(texts(10))))
    assert not any(peer.lost for peer in peers)
    # It is their calls that end.
    assert all(b"max_connection_buffered_bytes" in peer.heard for peer in peers)
