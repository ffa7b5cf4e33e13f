"""
A link that waits for its next try, and is wanted meanwhile.
"""

from __future__ import annotations

from rpcfw.transport.pool.link import LinkState
from tests.unit.transport.pool.test_link import World, error_in


def test_who_wants_it_has_it_dialled_out_of_turn():
    """
    Once the first delay has passed, a call connects though the delay has grown to minutes.
    """
    world = World()
    world.link.keep()
    for _ in range(12):
        world.turn()
        (waiting,) = world.clock.getDelayedCalls()
        world.clock.advance(waiting.getTime() - world.clock.seconds())
    assert LinkState.WAITING is world.link.state
    world.serve()
    world.clock.advance(0.9)
    error_in(world.want())
    world.clock.advance(0.1)
    got = world.want()
    world.turn()

    assert [world.link.driver] == got
    assert not world.link.failed


def test_calls_dial_no_more_often_than_the_first_delay():
    """
    A server that is away is dialled once in that time; its own delays stay what they are.
    """
    world = World(initial_backoff="1s", backoff_multiplier="4")
    world.link.keep()
    world.turn()
    world.clock.advance(1)
    world.states.clear()
    for _ in range(100):
        for _ in range(10):
            error_in(world.want())
        world.clock.advance(0.1)

    assert 9 <= world.states.count(LinkState.CONNECTING) <= 10
    (waiting,) = world.clock.getDelayedCalls()
    assert waiting.getTime() - world.clock.seconds() <= 4
