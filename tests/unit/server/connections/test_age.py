"""
When a server drains a connection, and when it closes it itself.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.server.connections.age import ConnectionAges
from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.timers import Timers


class RandomSource:
    """
    Chance that says what it is told to.
    """

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def randrange(self, stop: int, /) -> int:
        return 0


class Peer:
    """
    A driver, as far as its time goes.
    """

    peer = "a client"

    def __init__(self) -> None:
        self.newest_call = 0
        self.open_calls = 0
        self.listeners: dict = {}
        self.told: list[str] = []

    def drain(self, reason: str) -> None:
        self.told.append(f"drain: {reason}")

    def fail(self, reason: str) -> None:
        self.told.append(f"fail: {reason}")

    def close(self, reason: str) -> None:
        self.told.append("close")


class World:
    """
    One connection and its time.
    """

    def __init__(self, random: float = 0.5, **texts: str) -> None:
        self.clock = Clock()
        self.peer = Peer()
        options = options_of(ServerOptions, **texts)
        lifetimes = ConnectionAges(Timers(self.clock), RandomSource(random), options)
        self.lifetime = lifetimes.begin(self.peer)

    def told_at(self, limit_s: float) -> list[tuple[float, str]]:
        """
        Return what the connection is told from now on, and when, to a tenth of a second.
        """
        found, self.peer.told = [], []
        end = self.clock.seconds() + limit_s
        while self.clock.seconds() < end:
            self.clock.advance(0.05)
            found += [(round(self.clock.seconds(), 1), text) for text in self.peer.told]
            self.peer.told.clear()
        return found


def test_for_ever():
    """
    By default nothing is watched.
    """
    world = World()
    assert world.lifetime is None
    assert [] == world.clock.getDelayedCalls()


@pytest.mark.parametrize(("random", "age_s"), [(0.0, 90), (0.5, 100), (1.0, 110)])
def test_age(random, age_s):
    """
    It is the option's, and up to a tenth more or less, as chance has it.
    """
    (left, closed) = World(random, max_connection_age="100s").told_at(200)

    assert "drain: max_age" == left[1]
    assert age_s == pytest.approx(left[0], abs=1.1)
    assert "close" == closed[1]


def test_a_client_that_does_not_go():
    """
    It is closed some time after it was told, once its calls have ended.
    """
    world = World(max_connection_age="10s")
    world.peer.open_calls = 1
    assert [(10.1, "drain: max_age")] == world.told_at(100)
    world.peer.open_calls = 0
    ((_, text),) = world.told_at(1.5)

    assert "close" == text


def test_the_grace():
    """
    Calls that go on beyond it are given up, with a last word to the client.
    """
    world = World(max_connection_age="10s", max_connection_age_grace="5s")
    world.peer.open_calls = 1
    told = world.told_at(16)

    assert ["drain: max_age", "fail: max_age", "close"] == [text for _, text in told]
    assert 15 == pytest.approx(told[-1][0], abs=0.2)


def test_no_grace():
    """
    A grace of nothing gives the calls up at once; who has none may still go by itself.
    """
    world = World(max_connection_age="10s", max_connection_age_grace="0s")
    world.peer.open_calls = 1
    assert pytest.approx([10, 10, 10], abs=0.2) == [when for when, _ in world.told_at(11)]

    world = World(max_connection_age="10s", max_connection_age_grace="0s")
    assert ["drain: max_age"] == [text for _, text in world.told_at(15)]


def test_idle():
    """
    The time without a call counts from the end of the last one.
    """
    world = World(max_connection_idle="40s")
    world.peer.listeners[1] = None
    assert [] == world.told_at(100)
    world.peer.listeners.clear()
    for newest in range(1, 5):
        world.peer.newest_call = newest
        assert [] == world.told_at(30)
    world.peer.open_calls = 1  # its answer waits for the client to take it
    assert [] == world.told_at(100)
    world.peer.open_calls = 0
    (when, text), _ = world.told_at(60)

    assert "drain: max_idle" == text
    assert 40 <= when - 320 <= 51


def test_a_grace_is_for_age_alone():
    """
    A call that begins as an idle connection is left has all its time.
    """
    world = World(max_connection_idle="40s", max_connection_age_grace="1s")
    assert ["drain: max_idle"] == [text for _, text in world.told_at(45)]
    world.peer.open_calls = 1

    assert [] == world.told_at(1000)


@pytest.mark.parametrize("left", [False, True])
def test_stop(left):
    """
    A connection that is closed is told nothing more.
    """
    world = World(max_connection_age="10s")
    if left:
        world.told_at(11)
    world.lifetime.stop()

    assert [] == world.told_at(100)


@pytest.mark.parametrize("name", ["max_connection_age", "max_connection_idle"])
def test_limits_that_would_spin(name):
    """
    Clients would do nothing but connect: the least that goes is told.
    """
    with pytest.raises(SettingsError, match=f"{name}: must be at least 1s, or empty, not 0.1s"):
        options_of(ServerOptions, **{name: "100ms"})
