"""
Signs of life.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw.transport.keepalive import Keepalive


class Peer:
    """
    A driver as far as signs of life go.
    """

    def __init__(self) -> None:
        self.alive_at = 0.0
        self.pings = 0
        self.aborted = ""
        self.listeners: dict = {}
        self.machine = self

    def ping(self) -> None:
        self.pings += 1

    def flush(self) -> None:
        """
        Nothing is kept back.
        """

    def abort(self, reason: str) -> None:
        self.aborted = reason


def watched(interval_s: float = 30.0, *, idle: bool = True) -> tuple[Clock, Peer, Keepalive]:
    clock, peer = Clock(), Peer()
    return clock, peer, Keepalive(peer, clock, interval_s, 10.0, idle=idle)


def test_a_busy_connection_is_not_asked():
    """
    Any byte counts as life: a busy peer is sent no ping, and costs one look an interval.
    """
    clock, peer, _ = watched()
    for second in range(1, 300):
        peer.alive_at = float(second)
        clock.advance(1)
        assert 1 == len(clock.getDelayedCalls())

    assert 0 == peer.pings


def test_a_silent_peer_is_asked_once_an_interval():
    """
    A peer that answers its pings is asked again after as much silence, for ever.
    """
    clock, peer, _ = watched()
    for _ in range(300):
        clock.advance(1)
        if peer.pings and clock.seconds() % 30 == 1:
            peer.alive_at = clock.seconds()

    assert 9 <= peer.pings <= 10
    assert "" == peer.aborted


def test_a_dead_peer_is_given_up():
    """
    No answer in time ends the connection, with the option's value in the reason.
    """
    clock, peer, _ = watched()
    clock.advance(30)
    clock.advance(9.9)
    assert "" == peer.aborted
    clock.advance(0.1)

    assert "no sign of life for 10 s after a ping" == peer.aborted
    assert [] == clock.getDelayedCalls()


def test_stop():
    """
    Who is no longer watched is not asked, and nothing is left with the clock.
    """
    clock, peer, keepalive = watched()
    keepalive.stop()
    keepalive.stop()
    clock.advance(100)

    assert 0 == peer.pings
    assert [] == clock.getDelayedCalls()


def test_never():
    """
    An interval of 0 means that nobody is asked.
    """
    clock, peer, keepalive = watched(0.0)
    clock.advance(1e6)
    keepalive.stop()

    assert 0 == peer.pings


def test_not_while_idle():
    """
    Where peers count pings, one without an open call is left in peace.
    """
    clock, peer, keepalive = watched(idle=False)
    for _ in range(10):
        clock.advance(30)
    assert 0 == peer.pings
    peer.listeners[1] = None
    clock.advance(30)
    keepalive.stop()

    assert 1 == peer.pings
