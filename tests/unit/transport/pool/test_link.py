"""
Links: when they connect, when they wait, and what they tell those who want them.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError, SetupError, Unavailable
from rpcfw.kernel.settings import options_of
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.lingering import Lingering
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.pool.link import Link, LinkOptions, LinkState
from rpcfw.values.address import Address
from tests.unit.transport.ends import Ear, Keeper, head, native, turn


class RandomSource:
    """
    Chance that is always the same: in the middle, if nobody says otherwise.
    """

    def __init__(self, value: float = 0.5) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def randrange(self, stop: int, /) -> int:
        return 0


class Pending:
    """
    A network whose connections never come, and that notes what was given up.
    """

    def __init__(self, *, fails: type[Exception] | None = None) -> None:
        self.dialled = 0
        self.cancelled = 0
        self.factories: list[Factory] = []
        self._fails = fails
        self.lingering = Lingering()

    def client(self, *_):
        if self._fails is not None:
            raise self._fails("no certificate")
        return self

    def connect(self, factory):
        self.dialled += 1
        self.factories.append(factory)
        return Deferred(self._cancel)

    def _cancel(self, dialling):
        self.cancelled += 1
        dialling.errback(ConnectError())


class World:
    """
    One link, and a server that may listen at its address.
    """

    def __init__(
        self,
        *,
        random: float = 0.5,
        network=None,
        floor_s: float = 0.0,
        **texts: str,
    ):
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.keeper = Keeper()
        self.states: list[LinkState] = []
        self.on_change = lambda link: None
        self.link = Link(
            address=Address("memory", "there"),
            network=network or Network(self.clock, self.memory),
            make_machine=lambda: native().client(Limits(), ()),
            options=options_of(LinkOptions, **texts),
            clock=self.clock,
            random=RandomSource(random),
            changed=self.changed,
        )
        self.link.keepalive_floor_s = floor_s

    def changed(self, link: Link) -> None:
        self.states.append(link.state)
        self.on_change(link)

    def serve(self, *, answers: bool = True) -> None:
        self.keeper = Keeper(answers=answers)
        wire = native()
        factory = Factory.forProtocol(
            lambda: Driver(wire.server(Limits(), ()), self.keeper, self.clock)
        )
        self.memory.listen("there", factory)

    def serve_mutely(self) -> None:
        """
        Accept connections and never say a word.
        """
        from twisted.internet.protocol import Protocol

        self.memory.listen("there", Factory.forProtocol(Protocol))

    def turn(self) -> None:
        turn(self.clock)

    def want(self) -> list:
        """
        Ask for the link; the list gets the driver, or the error.
        """
        got: list = []
        spawn(self.link.ready()).addBoth(
            lambda result: got.append(getattr(result, "value", result)) or None
        )
        return got

    def connected(self) -> Driver:
        """
        Connect to a server; return the driver.
        """
        self.serve(answers=False)
        got = self.want()
        self.turn()
        return got[0]


def error_in(got: list) -> Unavailable:
    (error,) = got
    assert isinstance(error, Unavailable)
    assert Hint.NEVER_SENT == error.hints
    return error


def test_it_connects_when_it_is_wanted():
    """
    A link connects for the first who wants it; all who do get the same driver.
    """
    world = World()
    world.serve()
    assert [] == world.memory.connections
    first, second = world.want(), world.want()
    world.turn()
    third = world.want()

    assert first == second == third == [world.link.driver]
    assert [LinkState.CONNECTING, LinkState.READY] == world.states
    assert 1 == len(world.memory.connections)


def test_a_kept_link_connects_by_itself():
    """
    A kept link is ready before it is wanted, and again after it was lost.
    """
    world = World()
    world.serve()
    world.link.keep()
    world.turn()
    assert LinkState.READY is world.link.state
    world.clock.advance(60)
    world.memory.connections[0].cut()
    world.turn()

    assert LinkState.READY is world.link.state


def test_a_link_that_is_not_kept_waits_to_be_wanted():
    """
    After it was lost it is idle, and connects for who wants it next.
    """
    world = World()
    world.connected()
    world.clock.advance(20)
    world.memory.connections[0].cut()
    world.turn()
    assert LinkState.IDLE is world.link.state
    got = world.want()
    world.turn()

    assert [world.link.driver] == got


def test_nobody_listens():
    """
    Who wants a link that cannot connect is told at once, with the reason, and may go on.
    """
    world = World()
    got = world.want()
    world.turn()

    assert "nobody listens at memory:there" in error_in(got).message
    assert LinkState.WAITING is world.link.state
    assert "nobody listens" in error_in(world.want()).message


@pytest.mark.parametrize(("random", "share"), [(0.5, 1.0), (0.0, 0.8), (0.999999, 1.2)])
def test_delays_grow(random, share):
    """
    Delays grow from 1 s by 1.6 to 120 s, each a fifth longer or shorter by chance.
    """
    world = World(random=random)
    world.link.keep()
    delays = []
    for _ in range(13):
        world.turn()
        (waiting,) = world.clock.getDelayedCalls()
        delays.append(waiting.getTime() - world.clock.seconds())
        world.clock.advance(delays[-1])

    expected = [min(1.6**n, 120) * share for n in range(13)]
    assert expected == pytest.approx(delays, rel=1e-4)
    assert delays[-1] == pytest.approx(120 * share, rel=1e-4)


def test_delays_start_afresh_after_a_hello():
    """
    Only a peer that has greeted is well again; one that merely accepts is not.
    """
    world = World(connect_timeout="5s")
    world.serve_mutely()
    world.link.keep()
    for expected in (1.0, 1.6):
        world.clock.advance(5)
        world.turn()
        assert LinkState.WAITING is world.link.state
        (waiting,) = world.clock.getDelayedCalls()
        assert expected == pytest.approx(waiting.getTime() - world.clock.seconds())
        world.clock.advance(expected)
    world.memory.stop_listening("there")
    world.serve()
    world.clock.advance(5)
    world.clock.advance(10)
    world.turn()
    assert LinkState.READY is world.link.state
    world.clock.advance(2)
    world.memory.stop_listening("there")
    world.memory.connections[-1].cut()
    world.turn()
    (waiting,) = world.clock.getDelayedCalls()

    assert 1.0 == pytest.approx(waiting.getTime() - world.clock.seconds())


def test_no_hello_in_time():
    """
    A peer that accepts and says nothing is given up after connect_timeout.
    """
    world = World()
    world.serve_mutely()
    got = world.want()
    world.clock.advance(4.9)
    assert [] == got
    world.clock.advance(0.1)
    world.turn()

    assert "the handshake was not completed within connect_timeout of 5 s" in error_in(got).message
    assert [] == world.memory.connections


def test_a_connection_that_does_not_come():
    """
    A dialling that takes too long is cancelled, once, and another is tried.
    """
    network = Pending()
    world = World(network=network)
    world.link.keep()
    world.clock.advance(5)
    assert (1, 1) == (network.dialled, network.cancelled)
    assert LinkState.WAITING is world.link.state
    world.clock.advance(1)

    assert (2, 1) == (network.dialled, network.cancelled)


def test_a_second_connection_is_not_kept():
    """
    Of two connections to one peer, one is used and the other closed.
    """
    from tests.unit.transport.connection.test_driver import Socket

    network = Pending()
    world = World(network=network)
    world.want()
    sockets = [Socket(), Socket()]
    for socket in sockets:
        network.factories[0].buildProtocol(None).makeConnection(socket)

    assert [False, True] == [socket.aborted for socket in sockets]


def test_a_connection_that_comes_too_late():
    """
    A connection that comes after it was given up is closed.
    """
    from tests.unit.transport.connection.test_driver import Socket

    network, socket = Pending(), Socket()
    world = World(network=network)
    world.want()
    world.clock.advance(5)
    network.factories[0].buildProtocol(None).makeConnection(socket)

    assert socket.aborted
    assert LinkState.WAITING is world.link.state


def test_no_way_there():
    """
    What cannot be set up is a reason like any other, told to who wants the link.
    """
    world = World(network=Pending(fails=SetupError))

    assert "no certificate" in error_in(world.want()).message


def test_a_peer_that_greets_and_hangs_up():
    """
    It is not dialled in a tight loop.
    """
    world = World()
    world.serve()
    world.link.keep()
    tried = 0
    for _ in range(1000):
        world.clock.advance(0.01)
        if world.link.state is LinkState.READY:
            tried += 1
            world.memory.connections[-1].cut()

    assert 8 <= tried <= 11


def test_the_peers_silence():
    """
    A silent peer gets a keepalive ping, and is disconnected without an answer.
    """
    world = World()
    driver = world.connected()
    world.clock.advance(29)
    world.turn()
    assert 29 == world.clock.seconds() - driver.received_at
    world.clock.advance(1)
    world.turn()
    assert 0 == world.clock.seconds() - driver.received_at
    world.memory.connections[0].freeze()
    for _ in range(60):
        world.clock.advance(1)
    assert world.link.driver is None
    assert "no answer to a keepalive ping for 10 s" in world.link.reason


def test_a_peer_that_leaves():
    """
    Open calls go on, new ones get another connection, and the old one is closed last.
    """
    world = World()
    driver = world.connected()
    world.clock.advance(20)
    ear = Ear()
    driver.request(head(), b"", "", ear)
    world.turn()
    old = world.keeper.drivers[0]
    old.drain("update")
    world.turn()
    assert LinkState.IDLE is world.link.state
    got = world.want()
    world.turn()
    assert [world.link.driver] == got
    assert driver not in got
    assert 2 == len(world.memory.connections)

    old.respond(1, b"done")
    world.clock.advance(1)
    world.turn()
    assert [b"done"] == ear.heard
    assert 1 == len(world.memory.connections)


def test_a_peer_that_leaves_and_dies():
    """
    A connection that is being left is watched like any other, so its calls end.
    """
    world = World()
    driver = world.connected()
    world.clock.advance(20)
    ear = Ear()
    driver.request(head(), b"", "", ear)
    world.turn()
    world.keeper.drivers[0].drain("update")
    world.turn()
    world.memory.connections[0].freeze()
    for _ in range(60):
        world.clock.advance(1)

    assert "no answer to a keepalive ping" in ear.heard[0].message


def test_a_peer_that_leaves_after_some_calls_each_time():
    """
    As proxies do. Where it took calls it is dialled again at once, however soon it left.
    """
    world = World()
    world.serve()
    for number in range(1, 20):
        got = world.want()
        world.turn()
        got[0].request(head(), b"abc", "", Ear())
        world.turn()
        world.keeper.drivers[-1].drain("enough")
        world.turn()
        assert LinkState.IDLE is world.link.state
        assert number == len(world.keeper.drivers)


def test_a_server_that_is_leaving_already():
    """
    A peer that greets and leaves in one breath is tried again later.
    """
    world = World()
    world.serve()
    world.keeper.connected = lambda driver: driver.drain("stopping")
    world.link.keep()
    world.turn()

    assert LinkState.WAITING is world.link.state
    assert "stopping" == world.link.reason
    assert [] == world.memory.connections


def test_drain():
    """
    A drained link takes no new calls and closes when its last one has ended.
    """
    world = World()
    driver = world.connected()
    ear = Ear()
    driver.request(head(), b"", "", ear)
    world.turn()
    world.link.drain("gone from the registry")
    assert "gone from the registry" in error_in(world.want()).message
    world.clock.advance(5)
    assert 1 == len(world.memory.connections)
    far = world.keeper.drivers[0]
    far.respond(1, b"done")
    world.turn()
    world.clock.advance(1)
    world.turn()

    assert [b"done"] == ear.heard
    assert [] == world.memory.connections
    assert LinkState.CLOSED is world.link.state


def test_close():
    """
    A closed link fails its calls, connects no more, and leaves nothing with the clock.
    """
    world = World()
    world.serve(answers=False)
    world.link.keep()
    world.turn()
    ear = Ear()
    world.link.driver.request(head(), b"", "", ear)
    world.link.drain("going")
    world.link.close("stopping")
    world.link.close("again")
    world.turn()

    assert "stopping" in ear.heard[0].message
    assert LinkState.CLOSED is world.link.state
    assert [] == world.memory.connections
    assert [] == world.clock.getDelayedCalls()


@pytest.mark.parametrize("stage", ["dialling", "greeting", "waiting"])
@pytest.mark.parametrize("how", ["close", "drain"])
def test_close_while_connecting(stage, how):
    """
    A link may be closed at any time: who wants it is told, and nothing goes on.
    """
    network = Pending() if stage == "dialling" else None
    world = World(network=network)
    if stage == "greeting":
        world.serve_mutely()
    world.link.keep()
    got = world.want()
    world.turn()
    getattr(world.link, how)("stopping")
    world.turn()

    assert isinstance(got[0], Unavailable)
    assert LinkState.CLOSED is world.link.state
    assert [] == world.memory.connections
    assert [] == world.clock.getDelayedCalls()
    if network is not None:
        assert 1 == network.cancelled


@pytest.mark.parametrize("state", [LinkState.CONNECTING, LinkState.READY, LinkState.WAITING])
def test_close_by_who_is_told(state):
    """
    Who is told of a change may close the link there and then.
    """
    world = World()
    if state is not LinkState.WAITING:
        world.serve()
    world.on_change = lambda link: link.close("enough") if link.state is state else None
    got = world.want()
    world.link.keep()
    world.turn()
    world.clock.advance(300)
    world.turn()

    assert LinkState.CLOSED is world.link.state
    assert Unavailable is type(got[0])
    assert [] == world.memory.connections
    assert [] == world.clock.getDelayedCalls()


def test_close_when_lost():
    """
    A kept link that is closed by who is told of its loss does not connect again.
    """
    world = World()
    world.serve()
    world.link.keep()
    world.turn()
    world.clock.advance(20)
    world.on_change = lambda link: link.close("enough") if link.state is LinkState.IDLE else None
    world.memory.connections[0].cut()
    world.turn()

    assert LinkState.CLOSED is world.link.state
    assert [] == world.clock.getDelayedCalls()


def test_who_wants_it_may_stop_waiting():
    """
    One who gives up waiting does not disturb the others.
    """
    world = World()
    world.serve()
    given_up = spawn(world.link.ready())
    got = world.want()
    given_up.cancel()
    given_up.addErrback(lambda _: None)
    world.turn()

    assert [world.link.driver] == got


def test_real_chance_fits():
    """
    `random.Random` is what the link's chance is in a process.
    """
    world = World()
    world.link._chance = Random(1)  # noqa: SLF001 - what a process hands in
    world.link.keep()
    (waiting,) = world.clock.getDelayedCalls()

    assert 0.8 <= waiting.getTime() <= 1.2


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"initial_backoff": "0s"}, "initial_backoff: must be at least 10ms, not 0s"),
        ({"backoff_multiplier": "0.5"}, "backoff_multiplier: must be at least 1, not 0.5"),
        ({"connect_timeout": "0s"}, "connect_timeout: must be more than 0, not 0s"),
    ],
)
def test_options_that_would_spin(texts, reason):
    """
    A schedule that would dial in a tight loop is refused, with the least that goes.
    """
    with pytest.raises(SettingsError, match=reason):
        options_of(LinkOptions, **texts)
