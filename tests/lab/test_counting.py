"""
What the meters say when all is over.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError
from rpcfw.spi.runtime.waiting import CANCELLED
from tests.lab.services import Greeter, Streams


def counts(process, side):
    """
    Return how many calls of each method ended with each status.
    """
    for family in process.application.runtime.plugin_context.meter:
        if family.name == f"rpcfw_{side}_calls_total":
            return {(labels[1], labels[2]): int(one.value) for labels, one in family if one.value}
    return {}


async def every(stream):
    return [message async for message in stream]


@pytest.fixture
def both(lab):
    server = lab.serve(Greeter("a", lab.clock), Streams(lab.clock))
    return lab.consumer(), server


def test_unary_calls(lab, both):
    """
    Each unary call is counted once at each side, by how it ended.
    """
    consumer, server = both
    client = consumer.application.client(Greeter)
    for _ in range(3):
        lab.run(client.say("bob"))
    with pytest.raises(CallError):
        lab.run(client.slow(5, timeout=1))
    cancelled = lab.begin(client.slow(2))
    lab.advance(0.5)
    cancelled.cancel()
    lab.advance(0.5)
    with pytest.raises(CANCELLED):
        cancelled.value  # noqa: B018
    ended = {("say", "OK"): 3, ("slow", "DEADLINE_EXCEEDED"): 1, ("slow", "CANCELLED"): 1}
    assert ended == counts(consumer, "client")
    assert ended == counts(server, "server")


def test_streams(lab, both):
    """
    Each stream is counted once at each side, when it has ended.
    """
    consumer, server = both
    client = consumer.application.client(Streams)
    lab.run(every(client.fill(3, 1)))
    with pytest.raises(CallError):
        lab.run(every(client.broken(2)))
    lab.errors.flush(KeyError)
    with pytest.raises(CallError):
        lab.run(every(client.tick(1, timeout=3)))
    reading = lab.begin(every(client.tick(1)))
    lab.advance(2.5)
    assert 2 == sum(n for (name, _), n in counts(consumer, "client").items() if name != "tick")
    reading.cancel()
    lab.advance(0.5)
    lab.run(client.first_of(["a", "b"]))
    lab.run(every(client.until_stop(["a", "stop", "b"])))
    lab.advance(0.5)
    ended = {
        ("fill", "OK"): 1,
        ("broken", "UNKNOWN"): 1,
        ("tick", "DEADLINE_EXCEEDED"): 1,
        ("tick", "CANCELLED"): 1,
        ("first_of", "OK"): 1,
        ("until_stop", "OK"): 1,
    }
    assert ended == counts(consumer, "client")
    assert ended == counts(server, "server")


def test_attempts_are_not_calls(lab):
    """
    A call that took several attempts is one call to its caller.
    """
    dead = lab.serve(Greeter("dead", lab.clock))
    lab.serve(Greeter("alive", lab.clock))
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    dead.application.server.methods.withdraw("demo.Greeter")
    for _ in range(10):
        lab.run(client.who())
    assert {("who", "OK"): 11} == counts(consumer, "client")


def test_in_flight(lab, both):
    """
    What is in flight is shown while it is, and is nothing after.
    """
    consumer, server = both
    running = lab.begin(consumer.application.client(Greeter).slow(1))
    lab.advance(0.5)
    assert 1 == server.application.server.in_flight
    (node,) = consumer.application.clients[0].nodes
    assert 1 == node.in_flight
    lab.finish(running)
    lab.advance(0.1)
    assert (0, 0) == (server.application.server.in_flight, node.in_flight)
