"""
A node is saturated while calls wait at it, and a moment longer.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.transport.pool.saturation import Saturation


class World:
    """
    The saturation of a node at which calls wait or not.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.waiting = False
        self.changes: list[bool] = []
        self.saturation = Saturation(self.clock, lambda: self.waiting, self._changed)

    def _changed(self) -> None:
        self.changes.append(self.saturation.lasts)


def test_it_lasts_while_calls_wait():
    """
    It is reported once when it begins and once when it ends, however often calls wait.
    """
    world = World()
    world.waiting = True
    for _ in range(30):
        world.saturation.begin()
        world.clock.advance(0.05)
    assert [True] == world.changes
    world.waiting = False
    world.clock.pump([0.1] * 3)

    assert [True, False] == world.changes
    assert [] == world.clock.getDelayedCalls()


def test_it_does_not_end_between_two_calls():
    """
    A queue that is empty for a moment changes nothing: routes are not computed again.
    """
    world = World()
    for _ in range(20):
        world.saturation.begin()
        world.clock.advance(0.09)

    assert [True] == world.changes


def test_nothing_is_left_of_it_after_a_stop():
    """
    A pool that is closed leaves no timer, whether it was saturated or not.
    """
    for begins in (True, False):
        world = World()
        if begins:
            world.saturation.begin()
        world.saturation.stop()

        assert [] == world.clock.getDelayedCalls()
