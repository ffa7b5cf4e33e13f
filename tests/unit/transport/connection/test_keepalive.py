"""
Signs of life.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.transport.connection.keepalive import Keepalive


class Peer:
    """
    A driver as far as signs of life go.
    """

    def __init__(self) -> None:
        self.alive_at = 0.0
        self.pings = 0
        self.unfinished_frame = 0
        self.held = False
        self.aborted = ""
        self.listeners: dict = {}

    def ping(self) -> None:
        self.pings += 1

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


def test_an_interval_that_is_shorter_than_the_timeout():
    """
    A silent peer is asked once an interval, however much time it would have to answer.
    """
    clock, peer, _ = watched(3.0)
    for second in range(1, 31):
        clock.advance(1)
        if peer.pings and second % 3 == 0:
            peer.alive_at = clock.seconds()
    assert 10 == peer.pings
    assert "" == peer.aborted
    clock.advance(3)
    for _ in range(9):
        clock.advance(1)
        assert "" == peer.aborted
    clock.advance(1)
    assert "no answer to a keepalive ping for 10 s" == peer.aborted


def test_a_dead_peer_is_given_up():
    """
    No answer in time ends the connection, with the option's value in the reason.
    """
    clock, peer, _ = watched()
    clock.advance(30)
    clock.advance(9.9)
    assert "" == peer.aborted
    clock.advance(0.1)

    assert "no answer to a keepalive ping for 10 s" == peer.aborted
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


def framed(frame_s: float = 60.0, interval_s: float = 0.0) -> tuple[Clock, Peer, Keepalive]:
    """
    Return a watch of a peer that is in the midst of a frame, and goes on to send.
    """
    clock, peer = Clock(), Peer()
    peer.unfinished_frame = 1
    return clock, peer, Keepalive(peer, clock, interval_s, 10.0, frame_s=frame_s)


def trickle(clock: Clock, peer: Peer, seconds: int) -> None:
    for _ in range(seconds):
        clock.advance(1)
        peer.alive_at = clock.seconds()


@pytest.mark.parametrize("interval_s", [0.0, 30.0])
def test_a_frame_that_is_never_complete(interval_s):
    """
    A peer that sends one frame byte by byte is given up, though it is never silent.
    """
    clock, peer, _ = framed(interval_s=interval_s)
    trickle(clock, peer, 59)
    assert "" == peer.aborted
    trickle(clock, peer, 61)

    assert "a frame was not complete within frame_timeout of 60 s" == peer.aborted
    assert [] == clock.getDelayedCalls()


def test_frames_that_are_complete_in_time():
    """
    A peer that is always in the midst of some frame, another one each time, stays.
    """
    clock, peer, watch = framed()
    for number in range(20):
        trickle(clock, peer, 29)
        peer.unfinished_frame = number
    watch.stop()

    assert "" == peer.aborted
    assert [] == clock.getDelayedCalls()


def test_a_frame_while_this_process_stood_still():
    """
    A look that comes late does not blame the peer: nobody read what it has sent.
    """
    clock, peer, _ = framed()
    trickle(clock, peer, 31)
    clock.advance(300)
    assert "" == peer.aborted
    peer.unfinished_frame = 0
    trickle(clock, peer, 200)

    assert "" == peer.aborted


def test_frames_may_take_any_time():
    """
    Where no limit is set, nothing is looked at.
    """
    clock, _, _ = framed(frame_s=0.0)

    assert [] == clock.getDelayedCalls()
