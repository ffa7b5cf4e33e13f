"""
What is said last on a connection, when either end stops.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Status
from rpcfw.transport.connection.connection import LINGER_S
from tests.lab.services import Greeter, Streams


@pytest.mark.parametrize("side", ["consumer", "provider"])
def test_a_stop_ends_when_its_sockets_have(lab, side):
    """
    Once a stop has returned nothing is left to be written, so the reactor may end with it.
    """
    provider = lab.serve(Greeter("a"))
    consumer = lab.consumer()
    assert "a" == lab.run(consumer.application.client(Greeter).who())
    process = consumer if side == "consumer" else provider
    assert process.network.connections
    stopping = lab.begin(process.application.stop())
    lab.until(lambda: stopping.done)
    assert [] == process.network.connections


def test_callers_are_told_before_a_stop_ends(lab):
    """
    At drain_timeout the answer of a call that is given up is with its caller when the stop ends.
    """
    process = lab.serve(Greeter("a", lab.clock), sets=["server.drain_timeout=1s"])
    running = lab.begin(lab.client(Greeter).slow(60, timeout=60))
    lab.advance(0.5)
    lab.stop(process)
    assert running.done
    with pytest.raises(CallError, match="the server is stopping") as caught:
        running.value  # noqa: B018
    assert Status.CANCELLED is caught.value.status
    assert 1 == process.application.server.given_up


def test_a_stop_limit_tells_callers_too(lab):
    """
    A stop that [app] shutdown_timeout cuts short still answers the calls that it gives up.
    """
    sets = ("server.drain_timeout=50s", "app.shutdown_timeout=2s")
    process = lab.serve(Greeter("a", lab.clock), sets=sets)
    running = lab.begin(lab.client(Greeter).slow(60, timeout=60))
    lab.advance(0.5)
    began_at = lab.clock.seconds()
    lab.stop(process)
    assert lab.clock.seconds() - began_at < 2.5
    with pytest.raises(CallError, match="the server is stopping"):
        running.value  # noqa: B018
    assert 1 == process.application.server.given_up


def test_a_peer_that_takes_nothing_holds_a_stop_no_longer_than_it_may(lab):
    """
    Whoever reads no more is cut off after a while; others have been told long before.
    """
    provider = lab.serve(Greeter("a", lab.clock), sets=["server.drain_timeout=1s"])
    frozen = lab.consumer(name="frozen")
    kept = [lab.begin(one.slow(60, timeout=60)) for one in map(client_of, (frozen, lab.consumer()))]
    lab.advance(0.5)
    lab.cut_off(frozen)
    began_at = lab.clock.seconds()
    stopping = lab.begin(provider.application.stop())
    lab.advance(1.1)
    assert kept[1].done
    lab.finish(stopping)
    assert 1 + LINGER_S == pytest.approx(lab.clock.seconds() - began_at, abs=0.5)
    assert 2 == provider.application.server.given_up
    lab.reconnect(frozen)
    lab.stop(frozen)


def client_of(process):
    return process.application.client(Greeter)


def test_calls_that_have_ended_are_not_counted_as_given_up(lab):
    """
    A call whose caller has gone and that still cleans up is not thrown away by a stop.
    """
    streams = Streams(lab.clock)
    process = lab.serve(streams, sets=["server.drain_timeout=0s"])
    stream = lab.client(Streams).tick(1)
    lab.run(stream.__anext__())
    stream.cancel()
    lab.advance(0.001)
    assert 1 == process.application.server.in_flight
    lab.stop(process)
    assert (0, ["tick"]) == (process.application.server.given_up, streams.closed)


def test_a_start_that_fails_has_said_everything_too(lab):
    """
    What a start has opened before it failed is closed, to the last byte, when it returns.
    """
    lab.serve(Greeter("a"), name="a")
    broken = lab.process("b", [Greeter()], "server.listen=memory:b, memory:a")
    starting = lab.begin(broken.application.start())
    lab.until(lambda: starting.done)
    assert [] == broken.network.connections
    with pytest.raises(Exception, match="cannot listen at memory:a"):
        starting.value  # noqa: B018
