"""
The table of a link's states: every pair of a state and an event is listed.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.pool.link_state import TRANSITIONS, LinkEvent, LinkState, follows
from tests.unit.transport.ends import native
from tests.unit.transport.pool.test_link import Limits, World

#: What changes the state, as the module draws it. Everything else changes nothing.
MOVES = {
    (LinkState.IDLE, LinkEvent.WANTED): LinkState.CONNECTING,
    (LinkState.IDLE, LinkEvent.CLOSED): LinkState.CLOSED,
    (LinkState.CONNECTING, LinkEvent.GREETED): LinkState.READY,
    (LinkState.CONNECTING, LinkEvent.FAILED): LinkState.WAITING,
    (LinkState.CONNECTING, LinkEvent.CLOSED): LinkState.CLOSED,
    (LinkState.READY, LinkEvent.LOST): LinkState.IDLE,
    (LinkState.READY, LinkEvent.HUNG_UP): LinkState.WAITING,
    (LinkState.READY, LinkEvent.UNUSED): LinkState.IDLE,
    (LinkState.READY, LinkEvent.CLOSED): LinkState.CLOSED,
    (LinkState.WAITING, LinkEvent.RETRIED): LinkState.CONNECTING,
    (LinkState.WAITING, LinkEvent.DELAY_OVER): LinkState.IDLE,
    (LinkState.WAITING, LinkEvent.CLOSED): LinkState.CLOSED,
}


def test_every_pair_is_listed():
    """
    An event that is forgotten, or a state that is added, is noticed here.
    """
    assert set(LinkEvent) == set(TRANSITIONS)
    assert {len(LinkState)} == {len(row) for row in TRANSITIONS.values()}


@pytest.mark.parametrize("event", LinkEvent)
def test_what_follows(event: LinkEvent):
    """
    The table is what the picture of it shows, and nothing leads out of CLOSED.
    """
    for state in LinkState:
        assert MOVES.get((state, event), state) is follows(state, event)


def worlds() -> dict[LinkState, World]:
    """
    Return a link in each of the states.
    """
    made = {state: World() for state in LinkState}
    made[LinkState.CONNECTING].serve_mutely()
    made[LinkState.CONNECTING].want()
    made[LinkState.READY].connected()
    made[LinkState.WAITING].want()
    made[LinkState.WAITING].turn()
    made[LinkState.CLOSED].link.close("enough")
    return made


@pytest.mark.parametrize("told", ["greeted", "closed", "goaway_received", "unused"])
def test_a_connection_that_is_no_longer_the_links(told: str):
    """
    What is heard of it changes no state.
    """
    for state, world in worlds().items():
        assert state is world.link.state
        stale = Driver(native().client(Limits(), ()), world.link, world.clock)
        if told == "greeted":
            world.link.handshake_completed(stale)
        elif told == "unused":
            world.link._open._unused(stale)  # noqa: SLF001 - as its watch would
        else:
            getattr(world.link, told)(stale, "too late")
        assert state is world.link.state


def test_a_link_moves_as_the_table_says():
    """
    A link that connects, is lost, fails, waits and is closed takes no other step.
    """
    world = World(keepalive="0s")
    seen = [LinkState.IDLE]
    world.on_change = lambda link: seen.append(link.state)
    world.want()
    world.turn()
    world.clock.advance(1)
    world.connected().close("enough")
    world.link.close("enough")

    drawn = {(before, after) for (before, _), after in MOVES.items()}
    assert set(pairwise(seen)) <= drawn
    assert LinkState.CLOSED is seen[-1]
    assert {LinkState.CONNECTING, LinkState.READY, LinkState.WAITING} <= set(seen)
