"""
Who listens to one thing, whatever it is.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw_registries.remote.listeners import Listeners


class World:
    """
    Listeners to a number, and what they were told.
    """

    def __init__(self):
        self.clock = Clock()
        self.emptied = 0
        self.told = []
        self.listeners = Listeners("a number", self.clock, self.note_emptied)

    def note_emptied(self):
        self.emptied += 1

    def add(self):
        return self.listeners.add(self.told.append, self.told.append)

    def turn(self):
        """
        Return what was told since the last turn, and in this one.
        """
        self.clock.advance(0)
        told, self.told[:] = tuple(self.told), ()
        return told


@pytest.fixture
def world():
    return World()


def test_each_value_is_told(world):
    """
    A listener is told each value; one that comes later, the last one in the next turn.
    """
    world.add()
    world.listeners.notify(1)
    world.listeners.notify(2)
    assert (1, 2) == world.turn()
    world.add()
    assert [] == world.told
    assert (2,) == world.turn()


def test_a_refusal_is_told_once(world):
    """
    Each listener is told a reason once, after the value; again, if it was allowed meanwhile.
    """
    world.add()
    world.listeners.notify(1)
    world.listeners.refuse("no")
    world.listeners.refuse("no")
    assert (1, "no") == world.turn()
    world.add()
    assert (1, "no") == world.turn()
    world.listeners.refuse("still no")
    assert ("still no", "still no") == world.turn()
    world.listeners.refusal = None
    world.listeners.refuse("still no")
    assert ("still no", "still no") == world.turn()


def test_what_does_not_hold_any_more_is_not_told(world):
    """
    What was to be told in the next turn is dropped if it ended before.
    """
    world.listeners.notify(1)
    world.listeners.refuse("no")
    world.add()
    world.listeners.value = world.listeners.refusal = None
    assert () == world.turn()


def test_an_older_value_is_not_told_after_a_newer_one(world):
    """
    Not to a listener that came between the two either.
    """
    world.listeners.notify(1)
    world.add()
    world.listeners.notify(2)
    assert {2} == {*world.turn()}


def test_a_removed_listener_is_not_called(world):
    """
    Not even if its call was due; the last one that is removed is told to the owner once.
    """
    first, second = world.add(), world.add()
    world.listeners.notify(1)
    assert (1, 1) == world.turn()
    world.listeners.refuse("no")
    first()
    first()
    assert (("no",), 0) == (world.turn(), world.emptied)
    second()
    assert ((), 1) == (world.turn(), world.emptied)
    assert not world.listeners


def test_is_not_empty_if_another_came(world):
    """
    One that comes in the same turn in which the last one goes keeps it open.
    """
    world.add()()
    world.add()
    assert ((), 0) == (world.turn(), world.emptied)


def test_closed_listeners_are_not_called(world):
    """
    All are forgotten at once, and nobody is told that it is empty.
    """
    remove = world.add()
    world.listeners.refuse("no")
    world.listeners.close()
    world.listeners.notify(1)
    remove()
    assert ((), 0) == (world.turn(), world.emptied)
