"""
Users' filters in both stacks.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError
from rpcfw.errors import Rejected
from tests.lab.filters import Seen
from tests.lab.services import Greeter, Streams


def inserted(side, name, place="DEADLINE"):
    return [
        f"plugins.filters.mine=tests.lab.filters:{name}",
        f"{side}.insert=mine after {place}",
    ]


@pytest.fixture
def notes():
    Seen.notes.clear()
    return Seen.notes


async def every(stream):
    return [message async for message in stream]


@pytest.mark.parametrize("side", ["client", "server"])
def test_filters_are_started_and_stopped(lab, notes, side):
    """
    A filter is started before its first call and stopped after its last.
    """
    process = lab.serve(Greeter(), sets=inserted(side, "Seen"))
    lab.run(process.application.client(Greeter).say("bob"))
    lab.stop(process)
    assert ["start", "say", "stop"] == notes


@pytest.mark.parametrize("side", ["client", "server"])
def test_the_end_of_a_stream(lab, notes, side):
    """
    A filter learns the end of a stream once, however it asked.
    """
    lab.serve(Streams(lab.clock), sets=inserted("server", "Seen") if side == "server" else ())
    consumer = lab.consumer(*(inserted("client", "Seen") if side == "client" else ()))
    client = consumer.application.client(Streams)
    assert 3 == len(lab.run(every(client.fill(3, 1))))
    lab.advance(1)
    # A Task may come back to the filter after the stream has ended.
    assert ["start", "fill"] == notes[:2]
    assert ["OK", "early OK"] == sorted(notes[2:])


def test_attempts_are_not_the_end(lab, notes):
    """
    A filter outside of the attempts learns one end, not that of an attempt that failed.
    """
    dead = lab.serve(Streams(lab.clock))
    lab.serve(Streams(lab.clock))
    consumer = lab.consumer(*inserted("client", "Seen"))
    client = consumer.application.client(Streams)
    lab.run(every(client.fill(1, 1)))
    dead.application.server.methods.withdraw("demo.Streams")
    notes.clear()
    for _ in range(5):
        notes.clear()
        lab.run(every(client.fill(1, 1)))
        assert ["OK", "early OK", "fill"] == sorted(notes)


@pytest.mark.parametrize("side", ["client", "server"])
def test_a_filter_that_fails_at_the_end(lab, side):
    """
    A bug in what a filter does at the end of a stream is logged, and nothing else suffers.
    """
    lab.serve(Streams(lab.clock), sets=inserted("server", "FailsAtTheEnd") * (side == "server"))
    consumer = lab.consumer(*inserted("client", "FailsAtTheEnd") * (side == "client"))
    client = consumer.application.client(Streams)
    assert 3 == len(lab.run(every(client.fill(3, 1))))
    assert 3 == len(lab.run(every(client.fill(3, 1))))
    assert [ZeroDivisionError] * 2 == [type(one) for one in lab.errors.flush(ZeroDivisionError)]


def test_a_filter_that_fails_after_a_stream_was_opened(lab):
    """
    A stream that a filter above it lets fall is ended at the server.
    """
    streams = Streams(lab.clock)
    lab.serve(streams)
    consumer = lab.consumer(*inserted("client", "FailsAfter"))
    with pytest.raises(KeyError, match="a bug"):
        lab.run(every(consumer.application.client(Streams).tick(1)))
    lab.advance(0.1)
    assert ["tick"] == streams.closed
    assert [0] == [node.in_flight for node in consumer.application.clients[0].nodes]


def test_a_servers_refusal(lab):
    """
    A filter of the server's that refuses does so before the method, with its promise.
    """
    greeter = Greeter()
    lab.serve(greeter, sets=inserted("server", "Guard"))
    client = lab.client(Greeter)
    with pytest.raises(Rejected, match="no ticket"):
        lab.run(client.say("bob"))
    assert [] == greeter.begun
    assert "hello bob" == lab.run(client.say("bob", metadata={"Ticket": "1"}))


def test_an_unserved_filter_bug(lab):
    """
    A bug in a filter of the server's is UNKNOWN to the caller, and logged.
    """
    lab.serve(Greeter(), sets=inserted("server", "FailsAfter"))
    with pytest.raises(CallError, match="KeyError"):
        lab.run(lab.client(Greeter).say("bob"))
    assert lab.errors.flush(KeyError)


def test_a_bug_in_a_plain_filter_is_that_calls_alone(lab):
    """
    A filter of the server's that raises before it is awaited costs its own call, no other.
    """
    plugin, _ = inserted("server", "FailsAtOnce")
    lab.serve(Greeter("here", lab.clock), sets=[plugin, "server.insert=mine before METRICS"])
    client = lab.client(Greeter)
    slow = lab.begin(client.slow(1))
    lab.advance(0.1)
    with pytest.raises(CallError, match="KeyError"):
        lab.run(client.say("bob", metadata={"bad": "1"}))
    assert "here" == lab.finish(slow)
    assert [KeyError] == [type(error) for error in lab.errors.flush(KeyError)]
