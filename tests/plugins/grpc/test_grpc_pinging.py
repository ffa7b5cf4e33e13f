"""
How often a whole server lets its clients ping, by the clock.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.lab import Lab
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from tests.lab.services import Greeter
from tests.plugins.grpc.pair import HELLO, of
from tests.plugins.grpc.test_grpc_stopping import SETS, Mute, Orders, advance, ordered

GRPC = ("plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol", "app.protocols=native, grpc")


class World:
    """
    A server and a client of few words.
    """

    def __init__(self, *sets: str) -> None:
        self.clock = Clock()
        memory = MemoryNetwork(self.clock)
        plan = read_plan(Sources.load(sets=[*SETS, "server.keepalive=0s", *sets]))
        network = Network(self.clock, memory)
        self.server = Application(plan, self.clock, Random(1), network, [Orders()])
        spawn(self.server.start())
        self.client = memory.connect("a", Factory.forProtocol(Mute))
        self.client.transport.write(HELLO)
        self.memory = memory
        advance(self.clock, 1)

    def ping(self, *, after_s: float, also: bytes = b"") -> None:
        advance(self.clock, after_s)
        self.client.transport.write(also + frames.ping(bytes(8)))
        advance(self.clock, 0.1)

    def words(self) -> list[tuple[int, str]]:
        """
        Return codes and texts of the server's farewells.
        """
        return [frames.parse_goaway(each[3])[1:] for each in of(frames.GOAWAY, self.client.came)]


@pytest.fixture
def make_world():
    """
    Makes a world, and stops its server behind the test.
    """
    worlds = []

    def make(*sets: str) -> World:
        worlds.append(World(*sets))
        return worlds[-1]

    yield make
    for world in worlds:
        spawn(world.server.stop())
        advance(world.clock, 5)


@pytest.fixture
def lab():
    """
    A lab, closed behind the test.
    """
    with Lab() as lab:
        yield lab


TOO_MANY = [(ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings")]


def test_too_many_pings(make_world) -> None:
    """
    The fourth without a call ends the connection with gRPC's word, and the calls in it.
    """
    world = make_world()
    for _ in range(3):
        world.ping(after_s=60)
    assert [] == world.words()
    world.ping(after_s=60, also=ordered(1, b"hang"))
    advance(world.clock, 1)

    assert world.words() == TOO_MANY
    assert [] == world.memory.connections
    assert 0 == world.server.server.in_flight


def test_pings_in_one_breath(make_world) -> None:
    """
    A flood is answered once, and a call that comes with it ends.
    """
    world = make_world()
    world.ping(after_s=1, also=20 * frames.ping(bytes(8)) + ordered(1, b"hang"))
    advance(world.clock, 1)

    assert world.words() == TOO_MANY
    assert 0 == world.server.server.in_flight


def test_with_a_call_open(make_world) -> None:
    """
    A client that waits for an answer may ping each five minutes, and no more often.
    """
    world = make_world()
    world.ping(after_s=1, also=ordered(1, b"hang"))
    for _ in range(10):
        world.ping(after_s=300)
    assert [] == world.words()
    for _ in range(3):
        world.ping(after_s=60)

    assert world.words() == TOO_MANY


def test_answers_forgive(make_world) -> None:
    """
    Who is answered between its pings may send as many as it likes.
    """
    world = make_world()
    for number in range(50):
        world.ping(after_s=0.1)
        world.ping(after_s=0.1, also=ordered(2 * number + 1, b"x"))

    assert [] == world.words()


@pytest.mark.parametrize(
    "sets",
    [
        ("server.min_ping_interval=0s",),
        ("server.min_ping_interval=10s", "server.pings_without_calls=yes"),
    ],
)
def test_a_server_that_bears_more(make_world, sets: tuple[str, ...]) -> None:
    """
    What is borne is the options' to say.
    """
    world = make_world(*sets)
    for _ in range(50):
        world.ping(after_s=10)

    assert [] == world.words()


@pytest.mark.parametrize("protocol", ["native", "grpc"])
def test_our_own_client_is_never_cut_off(lab, protocol: str) -> None:
    """
    However often it is told to ping: with a call that is silent for long, and without.
    """
    server = lab.serve(Greeter("a", lab.clock), sets=(*GRPC, f"server.protocols={protocol}"))
    sets = (*GRPC, f"client.protocols={protocol}", "connection.keepalive=1s")
    process = lab.consumer(*sets, "client.timeout=1h")
    client = process.application.client(Greeter)
    assert "a" == lab.run(client.slow_write(3000), limit_s=3600)
    lab.advance(20_000)
    assert "a" == lab.run(client.write("x"))

    peers = server.application.server._connections  # noqa: SLF001 - told to plugins alone
    assert [1] == [one.id for one in peers.connections()]
