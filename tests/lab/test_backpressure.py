"""
Streams end to end: their speed is the reader's, their end either side's.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Status
from rpcfw.errors import ConnectionLost
from rpcfw.spi.runtime.waiting import sleep
from tests.lab.services import Streams


@pytest.fixture
def streams(lab):
    streams = Streams(lab.clock)
    streams.process = lab.serve(streams)
    return streams


SMALL = ("limits.stream_window=64KiB",)


async def every(stream):
    return [message async for message in stream]


def test_a_slow_reader_stops_the_server(lab, streams):
    """
    A server makes no more messages than its reader's window holds, and goes on with it.
    """
    stream = lab.client(Streams).fill(1000, 10_000)

    async def first():
        return await stream.__anext__()

    assert "x" * 10_000 == lab.run(first())
    lab.advance(10)
    held = streams.sent
    assert 100 < held < 250
    lab.advance(100)
    assert held == streams.sent
    assert 999 == len(lab.run(every(stream)))
    assert 1000 == streams.sent


def test_a_slow_server_stops_the_client(lab, streams):
    """
    A client makes no more messages than its server's window of 2 MiB holds.
    """
    made = []

    async def messages():
        for number in range(1000):
            made.append(number)
            yield "x" * 50_000

    uploading = lab.begin(lab.client(Streams).sip(messages(), timeout=2000))
    lab.advance(5)
    assert 40 < len(made) < 60
    assert lab.run(ended(uploading, lab), limit_s=1500)
    assert 1000 == len(streams.got)


async def ended(running, lab):
    while not running.done:
        await sleep(lab.clock, 1)
    return running.value


def test_a_reader_that_stops_and_cancels(lab, streams):
    """
    A reader that takes a little and then cancels frees the server, which cleans up.
    """

    async def little():
        async with lab.client(Streams).fill(10_000, 10_000) as stream:
            await stream.__anext__()
            await sleep(lab.clock, 5)

    lab.run(little())
    lab.advance(0.1)
    assert ["fill"] == streams.closed
    assert streams.sent < 250


def test_one_stream_does_not_stop_another(lab, streams):
    """
    A stream that nobody reads leaves the others on its connection alone.
    """
    client = lab.client(Streams)
    stuck = client.fill(10_000, 10_000)

    async def first(stream):
        return await stream.__anext__()

    lab.run(first(stuck))
    lab.advance(1)
    assert 300 == len(lab.run(every(client.fill(300, 10_000))))
    stuck.cancel()
    lab.advance(1)


def test_the_server_has_enough(lab, streams):
    """
    A method that answers before its client is through ends the call well.
    """
    closed = []

    async def messages():
        try:
            for _ in range(10_000):
                yield "x" * 1000
        finally:
            closed.append("messages")

    assert "x" * 1000 == lab.run(lab.client(Streams).first_of(messages()))
    lab.advance(0.1)
    assert ["messages"] == closed


def test_the_server_ends_a_conversation(lab, streams):
    """
    A server may end a bidirectional call while its client still sends.
    """

    async def talk():
        async with lab.client(Streams).until_stop() as stream:
            await stream.send("a")
            assert "a" == await stream.__anext__()
            await stream.send("stop")
            assert [] == [text async for text in stream]
            with pytest.raises(CallError):
                await stream.send("late")

    lab.run(talk())


def test_a_server_that_dies_amid_a_stream(lab, streams):
    """
    A reader is told of a connection that is lost, after what it has already got.
    """
    stream = lab.client(Streams).tick(1)

    async def two():
        return [await stream.__anext__(), await stream.__anext__()]

    assert [0, 1] == lab.run(two())
    lab.kill(streams.process)
    with pytest.raises(ConnectionLost):
        lab.run(every(stream))
    lab.forget(streams.process)


def test_a_broken_stream(lab, streams):
    """
    An error that nobody planned ends a stream as UNKNOWN, with an id and no secret.
    """

    async def read():
        got = []
        with pytest.raises(CallError) as caught:  # noqa: PT012 - and what came before
            async for number in lab.client(Streams).broken(2):
                got.append(number)  # noqa: PERF401 - likewise
        return got, caught.value

    got, error = lab.run(read())
    assert [0, 1] == got
    assert Status.UNKNOWN is error.status
    assert "secret" not in error.message
    assert [KeyError] == [type(one) for one in lab.errors.flush(KeyError)]


def test_messages_that_cannot_be_written(lab):
    """
    A streamed message of another type than was promised is an error, logged at the server.
    """

    class Liar(Streams):
        async def fill(self, count, size):
            yield object()

    lab.serve(Liar(lab.clock))
    with pytest.raises(CallError) as caught:
        lab.run(every(lab.client(Streams).fill(1, 1)))
    assert Status.INTERNAL is caught.value.status
    assert lab.errors.flush()
