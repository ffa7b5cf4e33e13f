"""
The links to one node: when further ones are opened, who waits, and who goes first.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from rpcfw.errors import (
    CallError,
    ConnectionLost,
    DeadlineExceeded,
    InvalidMessage,
    Overloaded,
    SettingsError,
    Unavailable,
)
from rpcfw.kernel.settings import options_of
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Hint
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.pool.counts import PoolCounts
from rpcfw.transport.pool.link import Link, LinkOptions, LinkState
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.transport.pool.queue import PendingCall
from rpcfw.values.address import Address
from tests.unit.transport.ends import Ear, Keeper, head, native, turn

MAX_CALLS = 2
THERE = Address("memory", "there")


class Ask(PendingCall[Ear]):
    """
    Begins a call that says its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.given_up = False
        self.error: CallError | None = None

    def begin(self, driver: Driver) -> Ear:
        if self.error is not None:
            raise self.error
        ear = Ear()
        ear.call_id = driver.request(head(), self.name.encode(), "", ear)
        ear.driver = driver
        return ear

    def give_up(self, begun: Ear) -> None:
        self.given_up = True


class Late(Ask):
    """
    Meets machines that know already that their peers leave.
    """

    def __init__(self, *left: Driver) -> None:
        super().__init__("late")
        self.left = left

    def begin(self, driver: Driver) -> Ear:
        if driver in self.left:
            raise ConnectionLost("closed to new calls", hints=Hint.NEVER_SENT)
        return super().begin(driver)


class Asked(Keeper):
    """
    Keeps the calls that are to be answered, with their connections.
    """

    def __init__(self) -> None:
        super().__init__(answers=False)
        self.asked: list = []

    def accept(self, driver: Driver, event) -> None:
        self.asked.append((driver, event))


class World:
    """
    The links to a server that answers when it is told to.
    """

    def __init__(self, *, kept=False, **texts):
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.keeper = Asked()
        self.meter = Meter()
        self.told = []
        self.options = options_of(LinkOptions, **texts)
        self.links = ConnectionPool(
            THERE,
            self.make_link,
            self.options,
            self.clock,
            PoolCounts(self.meter),
            self.note,
        )
        self.serve()
        if kept:
            self.links.keep()

    def note(self):
        self.told.append((self.links.state, self.links.saturated))

    def make_link(self, changed) -> Link:
        network = Network(self.clock, self.memory)
        machine = lambda: native().client(Limits(), ())  # noqa: E731 - short
        return Link(THERE, network, machine, self.options, self.clock, Random(1), changed)

    def serve(self):
        limits = Limits(max_calls=MAX_CALLS)
        factory = Factory.forProtocol(
            lambda: Driver(native().server(limits, ()), self.keeper, self.clock)
        )
        self.memory.listen("there", factory)

    def ask(self, name="x", deadline=1000.0):
        """
        Make a call; the list gets its ear, or its error.
        """
        got = []
        running = spawn(self.links.acquire(Ask(name), deadline))
        running.addBoth(lambda result: got.append(getattr(result, "value", result)) or None)
        self.running = running
        return got

    def ask_many(self, count, turns=10):
        asked = [self.ask(str(number)) for number in range(count)]
        self.turn(turns)
        return asked

    def turn(self, count=100):
        turn(self.clock, count)

    def answer(self, name):
        """
        Let the server answer the call of this name.
        """
        for driver, event in self.keeper.asked:
            if event.body == name.encode():
                self.keeper.asked.remove((driver, event))
                driver.respond(event.call_id, b"")
                self.turn()
                return
        raise AssertionError(f"no call {name}")

    @property
    def begun(self):
        return [event.body.decode() for _, event in self.keeper.asked]

    def number(self, name):
        (family,) = [each for each in self.meter if each.name == name]
        return family.of().value


def test_a_call_that_has_room():
    """
    As long as there is room there is one connection, and it is where calls go at once.
    """
    world = World()
    asked = world.ask_many(MAX_CALLS)

    assert [[world.links.driver]] * 2 == [[ear.driver for ear in got] for got in asked]
    assert 1 == len(world.memory.connections)
    assert LinkState.READY is world.links.state


def test_further_connections_are_opened():
    """
    What finds no room is begun on further connections, of which there are only so many.
    """
    world = World(max_connections="3")
    asked = world.ask_many(10, 100)

    assert 3 == len(world.memory.connections)
    assert [1] * 6 + [0] * 4 == [len(got) for got in asked]
    assert [str(number) for number in range(6)] == world.begun
    assert (8, 4) == (
        world.number("rpcfw_client_calls_waited_total"),
        world.number("rpcfw_client_calls_waiting"),
    )
    assert 2 == world.number("rpcfw_client_further_connections_total")


def test_who_waits_longest_is_next():
    """
    Calls that wait are begun in the order in which they came; a new one comes last.
    """
    world = World(max_connections="1")
    world.ask_many(4)
    assert world.links.driver is None
    world.answer("0")
    assert ["1", "2"] == world.begun
    late = world.ask("late")
    world.answer("1")
    assert ["2", "3"] == world.begun
    world.answer("2")

    assert ["3", "late"] == world.begun
    assert 1 == len(late)
    assert 0 == world.number("rpcfw_client_calls_waiting")


def test_a_call_is_refused_if_too_many_wait():
    """
    Beyond max_waiting_calls a call fails at once; it was never sent, and is told what to set.
    """
    world = World(max_connections="1", max_waiting_calls="2")
    world.ask_many(2)
    world.ask_many(2)
    (error,) = world.ask()

    assert isinstance(error, Overloaded)
    assert Hint.NEVER_SENT in error.hints
    assert "the connection to memory:there had as many calls" in error.message
    assert "max_connections = 1" in error.message
    assert "max_waiting_calls = 2" in error.message
    assert 1 == world.number("rpcfw_client_calls_unplaced_total")


def test_too_many_wait_for_the_first_connection():
    """
    Beyond max_waiting_calls a call fails at once while the server is still connected to.

    A call that gives up its wait makes room for another.
    """
    world = World(max_waiting_calls="2")
    waiting = world.ask_many(2, turns=0)
    given_up = world.running
    (error,) = world.ask()
    given_up.cancel()
    next_one = world.ask()
    world.turn()

    assert isinstance(error, Overloaded)
    assert Hint.NEVER_SENT in error.hints
    assert "memory:there is not connected yet" in error.message
    assert "max_waiting_calls = 2" in error.message
    assert [Ear, Ear] == [type(got[0]) for got in (waiting[0], next_one)]
    assert 1 == world.number("rpcfw_client_calls_unplaced_total")


def test_growing_without_a_queue():
    """
    Where no call may wait, a refused one has a further connection opened all the same.
    """
    world = World(max_connections="2", max_waiting_calls="0")
    world.ask_many(1)
    world.ask_many(MAX_CALLS - 1)
    refused = world.ask()
    world.turn()
    late = world.ask("late")
    world.turn()

    assert isinstance(refused[0], Overloaded)
    assert world.links.saturated
    assert 2 == len(world.memory.connections)
    assert isinstance(late[0], Ear)


def test_a_wait_that_is_given_up():
    """
    Who gives up the wait leaves the queue, and what it wanted is never sent.
    """
    world = World(max_connections="1")
    world.ask_many(3)
    given_up = world.running
    world.ask("next")
    given_up.cancel()
    world.answer("0")

    assert ["1", "next"] == world.begun
    assert 0 == world.number("rpcfw_client_calls_waiting")


def test_a_call_that_is_given_up_makes_room():
    """
    The room of a call that its caller gives up is the next one's at once.
    """
    world = World(max_connections="1")
    asked = world.ask_many(3)
    (ear,) = asked[0]
    ear.driver.cancel(ear.call_id)
    world.turn()

    assert 1 == len(asked[2])
    assert "2" in world.begun


def test_a_wait_until_the_deadline():
    """
    A wait that is given up at the call's deadline ends with the reason; never sent.
    """
    world = World(max_connections="1")
    world.ask_many(2)
    got = world.ask(deadline=3.0)
    waiting = world.running
    world.clock.advance(3)
    waiting.cancel()

    (error,) = got
    assert isinstance(error, DeadlineExceeded)
    assert Hint.NEVER_SENT in error.hints
    assert "no call on them ended in time" in error.message


def test_a_call_that_cannot_be_begun():
    """
    What is wrong with one call is told to it, and the next has its turn.
    """
    world = World(max_connections="1")
    world.ask_many(2)
    bad = Ask("bad")
    failed = spawn(world.links.acquire(bad, 1000.0))
    good = world.ask("good")
    bad.error = InvalidMessage("it is none")
    told = []
    failed.addErrback(lambda failure: told.append(failure.value))
    world.answer("0")

    assert [bad.error] == told
    assert 1 == len(good)


def test_a_connection_that_was_just_left():
    """
    A call that comes between the peer's farewell and its hearing is begun elsewhere.
    """
    world = World()
    world.ask()
    world.turn()
    left = world.links.driver
    world.keeper.asked[0][0].drain("moving")
    late = spawn(world.links.acquire(Late(left), 1000.0))
    world.turn()
    assert left is not late.result.driver


def test_a_connection_that_takes_no_calls():
    """
    One that refuses calls for no reason that shows is not tried without end.
    """
    world = World()
    world.ask()
    world.turn()
    got = []
    late = spawn(world.links.acquire(Late(world.links.driver), 1000.0))
    late.addErrback(lambda failure: got.append(failure.type))
    world.turn()
    assert [ConnectionLost] == got


def test_further_connections_are_closed():
    """
    Once they have been without calls for surplus_idle_timeout, only the first is left.
    """
    world = World(max_connections="4", surplus_idle_timeout="20s")
    world.ask_many(8)
    world.turn()
    assert 4 == len(world.memory.connections)
    for name in range(1, 8):
        world.answer(str(name))
    for _ in range(8):
        world.clock.advance(5)
        world.turn()

    assert 1 == len(world.memory.connections)
    assert ["0"] == world.begun
    assert world.links.driver is not None
    assert world.ask("more") != []


def test_a_connection_in_use_is_not_closed():
    """
    A further connection with a call on it stays.
    """
    world = World(max_connections="2", surplus_idle_timeout="20s")
    world.ask_many(3)
    world.turn()
    for _ in range(20):
        world.clock.advance(5)
        world.turn()

    assert 2 == len(world.memory.connections)


def test_the_first_is_lost():
    """
    While the first connection is away, calls go on over the others.
    """
    world = World(max_connections="2", initial_backoff="100s", surplus_idle_timeout="20s")
    world.ask_many(3)
    world.turn()
    world.answer("2")
    world.memory.connections[0].cut()
    world.turn()
    world.clock.advance(40)
    world.turn()

    assert LinkState.READY is world.links.state
    (ear,) = world.ask("more")
    assert isinstance(ear, Ear)


def test_all_are_lost():
    """
    If no connection is left and none can be had, those that wait are told at once.
    """
    world = World(max_connections="1")
    asked = world.ask_many(3)
    world.memory.stop_listening("there")
    world.memory.connections[0].cut()
    world.turn()

    (error,) = asked[2]
    assert isinstance(error, Unavailable)
    assert Hint.NEVER_SENT == error.hints
    assert LinkState.WAITING is world.links.state
    assert 0 == world.number("rpcfw_client_calls_waiting")


def test_all_are_lost_and_one_is_had_again():
    """
    A connection that ends after a while is replaced for those that wait.
    """
    world = World(max_connections="1")
    asked = world.ask_many(3)
    world.clock.advance(20)
    world.turn()
    world.memory.connections[0].cut()
    world.turn()

    (ear,) = asked[2]
    assert isinstance(ear, Ear)
    assert 1 == len(world.memory.connections)


def test_a_further_connection_that_cannot_be_had():
    """
    Then the calls wait for the ones there are, and it is tried again after a backoff.
    """
    world = World(max_connections="4", initial_backoff="1s")
    asked = world.ask_many(MAX_CALLS)
    world.memory.stop_listening("there")
    asked.append(world.ask("waits"))
    world.turn()
    assert LinkState.READY is world.links.state
    assert 1 == world.number("rpcfw_client_further_connections_total")
    world.answer("0")
    assert 1 == len(asked[-1])
    world.serve()
    last = world.ask("last")
    world.clock.advance(2)
    world.ask("one more")
    world.turn()

    assert 1 == len(last)
    assert 2 == len(world.memory.connections)


def test_a_further_connection_is_tried_again():
    """
    Calls that wait get it as soon as it can be had, whether or not anything else happens.
    """
    world = World(max_connections="2", initial_backoff="1s")
    asked = world.ask_many(MAX_CALLS)
    world.memory.stop_listening("there")
    asked.append(world.ask("waits"))
    world.turn()
    world.serve()
    world.clock.advance(2)
    world.turn()

    assert isinstance(asked[-1][0], Ear)
    assert 2 == len(world.memory.connections)


def test_the_first_ends_while_a_further_one_cannot_be_had():
    """
    The first is dialled again for those that wait: that another failed says nothing of it.
    """
    world = World(max_connections="2", initial_backoff="10s")
    world.ask_many(MAX_CALLS)
    world.clock.advance(20)
    world.memory.stop_listening("there")
    waits = world.ask("waits")
    world.turn()
    assert [] == waits
    world.serve()
    world.memory.connections[0].cut()
    world.turn()

    assert isinstance(waits[0], Ear)


@pytest.mark.parametrize("how", ["close", "drain"])
def test_an_end(how):
    """
    A close and a drain refuse those that wait, open nothing and leave nothing.
    """
    world = World(kept=True, max_connections="2")
    asked = world.ask_many(6)
    world.turn()
    getattr(world.links, how)("stopping")
    world.turn()
    assert "stopping" in world.ask()[0].message
    if how == "drain":
        assert 2 == len(world.memory.connections)
        world.links.close("enough")
        world.turn()

    assert ["Unavailable"] * 2 == [type(got[0]).__name__ for got in asked[4:]]
    assert LinkState.CLOSED is world.links.state
    assert [] == world.memory.connections
    world.clock.advance(10)
    assert [] == world.clock.getDelayedCalls()


def test_a_crowded_node():
    """
    While calls wait, and a moment longer, others are better; that is told.
    """
    world = World(max_connections="1")
    world.ask_many(3)
    assert (LinkState.READY, True) == world.told[-1]
    world.clock.advance(1)
    assert world.links.saturated
    world.answer("0")
    assert world.links.saturated
    for _ in range(3):
        world.clock.advance(0.1)

    assert (LinkState.READY, False) == world.told[-1]
    before = len(world.told)
    world.clock.advance(5)
    assert before == len(world.told)


def test_given_up_as_it_is_begun():
    """
    Beside asyncio a wait may be given up between its turn and going on: so is the call.
    """
    world = World(max_connections="1")
    world.ask_many(2)

    async def test():
        ask = Ask("ask")
        task = asyncio.ensure_future(world.links.acquire(ask, 1000.0))
        await asyncio.wait([task], timeout=0)
        world.answer("0")
        assert ["1", "ask"] == world.begun
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return ask

    assert asyncio.run(test()).given_up


def test_options():
    """
    At least one connection, no fewer than no calls, and no flutter.
    """
    with pytest.raises(SettingsError) as caught:
        options_of(
            LinkOptions, max_connections="0", max_waiting_calls="-1", surplus_idle_timeout="10ms"
        )
    assert (
        "LinkOptions: [options] max_connections: must be at least 1, not 0",
        "LinkOptions: [options] max_waiting_calls: must be at least 0, not -1",
        "LinkOptions: [options] surplus_idle_timeout: must be at least 1s, not 0.01s",
    ) == caught.value.mistakes
