"""
How often a link pings where peers count that.
"""

from __future__ import annotations

from rpcfw.spi.events import ConnectionFailed
from rpcfw.transport.connection.driver import Driver
from tests.unit.transport.ends import Ear, head, machine_of
from tests.unit.transport.pool.test_link import World


def silence_borne(world: World, driver: Driver) -> float:
    """
    Return how long a connection with an open call is silent until the peer is asked.
    """
    driver.request(head(), b"", "", Ear())
    world.turn()
    begun = driver.received_at
    while driver.received_at == begun:
        world.clock.advance(1)
        world.turn()
    return driver.received_at - begun


def test_a_wire_whose_peers_count_pings():
    """
    It is pinged no more often than its peers bear, however often is asked for.
    """
    for borne_s, world in (
        (300, World(floor_s=300.0)),
        (400, World(floor_s=300.0, keepalive="400s")),
        (30, World()),
    ):
        assert borne_s == silence_borne(world, world.connected())


def test_a_peer_that_was_pinged_too_often():
    """
    Once a peer has complained of pings, it gets half as many.
    """
    world = World(floor_s=300.0, initial_backoff="10ms")
    driver = world.connected()
    complaint = ConnectionFailed("enough", by_peer=True, too_many_pings=True)
    machine_of(driver).receive = lambda data: [complaint]
    driver.dataReceived(b"")
    world.clock.advance(1)
    got = world.want()
    world.turn()
    (again,) = got

    assert 600 == silence_borne(world, again)
