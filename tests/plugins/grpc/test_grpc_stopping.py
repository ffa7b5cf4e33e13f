"""
How a whole server stops under a client that does not answer.
"""

from __future__ import annotations

from random import Random

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.spi.service import Service, method
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw_grpc.http2 import frames
from tests.plugins.grpc.pair import HELLO, REQUEST, chunk, head, message, of

SETS = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "app.protocols=native, grpc",
    "server.protocols=native, grpc",
    "server.listen=memory:a",
    "server.drain_timeout=2s",
    "registry.plugin=memory",
)
FIELDS = [
    *((name, value) for name, value in REQUEST if name not in (b":path", b"content-type")),
    (b"content-type", b"application/grpc+json"),
]
FIELDS.insert(2, (b":path", b"/shop.Orders/Create"))


class Orders(Service, name="shop.Orders"):
    """
    Answers one kind of order, and never the other.
    """

    @method(name="Create")
    async def create(self, name: str) -> str:
        if name == "hang":
            await Waiter()
        return name


class Mute(Protocol):
    """
    A client that says what it is told to, and notes what comes.
    """

    def __init__(self) -> None:
        self.came = b""

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def goaways(self) -> list[int]:
        """
        Return the last calls that the server's farewells named.
        """
        return [frames.parse_goaway(each[3])[0] for each in of(frames.GOAWAY, self.came)]


def ordered(stream_id: int, name: bytes) -> bytes:
    """
    Return the frames of a call.
    """
    body = message(b'{"name":"%s"}' % name)
    return head(stream_id, FIELDS) + chunk(stream_id, body, end=True)


def advance(clock: Clock, seconds: float) -> None:
    for _ in range(20):
        clock.advance(seconds / 20)


def test_a_client_that_does_not_answer() -> None:
    """
    What it sends meanwhile is served; in the end it hears which calls were begun.
    """
    clock = Clock()
    memory = MemoryNetwork(clock)
    plan = read_plan(Sources.load(sets=SETS))
    server = Application(plan, clock, Random(1), Network(clock, memory), [Orders()])
    spawn(server.start())
    client = memory.connect("a", Factory.forProtocol(Mute))
    client.transport.write(HELLO + ordered(1, b"hang"))
    advance(clock, 0.1)
    stopping = spawn(server.stop())
    advance(clock, 0.1)
    assert [2**31 - 1] == client.goaways()

    client.transport.write(ordered(3, b"late"))
    advance(clock, 0.1)
    assert b'"late"' in client.came
    assert [2**31 - 1] == client.goaways()

    advance(clock, 3)
    assert stopping.called
    assert [2**31 - 1, 3] == client.goaways()
