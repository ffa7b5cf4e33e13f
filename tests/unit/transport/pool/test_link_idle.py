"""
Links that are not used for long, and those whose peers leave them in good order.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.transport.pool.link import LinkOptions, LinkState
from tests.unit.transport.ends import Ear, head
from tests.unit.transport.pool.test_link import World


@pytest.mark.parametrize("kept", [False, True])
def test_an_idle_link_is_closed_until_it_is_wanted(kept):
    """
    Kept or not, it is not dialled again before somebody wants it.
    """
    world = World(idle_timeout="40s")
    world.connected()
    if kept:
        world.link.keep()
    for _ in range(60):
        world.clock.advance(1)
    assert LinkState.IDLE is world.link.state
    assert [] == world.memory.connections
    assert "no call for the idle time of 40 s" in world.link.reason

    got = world.want()
    world.turn()
    assert [world.link.driver] == got


def test_a_link_in_use_is_not_idle():
    """
    Neither one with calls now and then, nor one with a call that takes long.
    """
    world = World(idle_timeout="40s")
    driver = world.connected()
    for number in range(5):
        driver.request(head(), b"", "", Ear())
        world.turn()
        (request,) = world.keeper.requests[number:]
        for _ in range(30 if number < 4 else 500):
            world.clock.advance(1)
            world.turn()
        far = world.keeper.drivers[0]
        far.respond(request.call_id, b"")
        world.turn()

    assert driver is world.link.driver


def test_an_idle_link_leaves_nothing():
    """
    Nothing is left with the clock, whether it was closed by itself or by its owner.
    """
    for wait_s in (10, 60):
        world = World(idle_timeout="40s", keepalive="0s")
        world.connected()
        for _ in range(wait_s):
            world.clock.advance(1)
        world.link.close("done")
        world.clock.advance(10)
        assert [] == world.clock.getDelayedCalls()


def test_a_peer_that_leaves_in_good_order_after_a_while():
    """
    It is dialled again at once: its connections are limited in age, and it has not failed.
    """
    world = World()
    world.connected()
    world.link.keep()
    world.clock.advance(0.2)
    world.keeper.drivers[0].drain("max_age")
    world.turn()

    assert LinkState.READY is world.link.state
    assert 2 == len(world.keeper.drivers)


def test_a_time_that_would_spin():
    """
    The least that goes is told.
    """
    with pytest.raises(SettingsError, match="idle_timeout: must be at least 1s, or empty"):
        options_of(LinkOptions, idle_timeout="10ms")
