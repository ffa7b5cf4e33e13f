"""
Which pings of a client are too many.
"""

from __future__ import annotations

from rpcfw.kernel.settings import options_of
from rpcfw.server.connections.ping_strikes import PingStrikes
from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.pauses import Pauses


def borne(every_s: float, *, calling: bool, most: int = 50, **texts: str) -> int:
    """
    Return how many pings at even times are borne, of ``most``.
    """
    pings = PingStrikes(options_of(ServerOptions, **texts), Pauses())
    for number in range(most):
        if pings.is_out(number * every_s, calling=calling, answered=False):
            return number
    return most


def test_two_strikes_are_borne():
    """
    The first ping is free, two that come too soon are borne, and one more is too many.
    """
    assert 3 == borne(1, calling=True)
    assert 3 == borne(299 * 0.99, calling=True)
    assert 50 == borne(300, calling=True)


def test_without_a_call():
    """
    Pings without a call are due each two hours, unless they may be sent as others are.
    """
    assert 3 == borne(300, calling=False)
    assert 50 == borne(7200, calling=False)
    assert 50 == borne(300, calling=False, pings_without_calls="yes")
    assert 3 == borne(200, calling=False, pings_without_calls="yes")


def test_the_interval_is_an_option():
    """
    It may be shorter, longer, or none at all.
    """
    assert 50 == borne(10, calling=True, min_ping_interval="10s")
    assert 3 == borne(9, calling=True, min_ping_interval="10s")
    assert 3 == borne(7200, calling=False, min_ping_interval="3h")
    assert 50 == borne(0, calling=False, min_ping_interval="0s")


def test_pings_that_do_not_come_evenly():
    """
    A client that keeps to the interval is not struck for the network's unsteadiness.
    """
    pings = PingStrikes(options_of(ServerOptions), Pauses())
    times = [300 * number + (0.5 if number % 2 else 0) for number in range(100)]

    assert not any(pings.is_out(when, calling=True, answered=False) for when in times)


def test_what_the_server_says_forgives():
    """
    Strikes are forgotten once the server has said something of calls.
    """
    pings = PingStrikes(options_of(ServerOptions), Pauses())
    told = [pings.is_out(when, calling=True, answered=not when % 3) for when in range(100)]
    assert True not in told

    told = [pings.is_out(100 + when, calling=True, answered=not when) for when in range(10)]
    assert [False, False, False, True] + 6 * [False] == told


def test_pings_that_waited():
    """
    Pings that came while this process was away are read at once, and are no strikes.
    """
    pauses = Pauses()
    pings = PingStrikes(options_of(ServerOptions, min_ping_interval="10s"), pauses)
    ask = {"calling": True, "answered": False}
    assert not pings.is_out(0, **ask)
    pauses.add(40)
    # Four that waited, and the next, which is in time by the client's clock.
    assert [False] * 5 == [pings.is_out(now, **ask) for now in (42, 42, 42, 42, 50)]
    # From now on as ever.
    assert [False, False, True] == [pings.is_out(51 + more, **ask) for more in range(3)]
