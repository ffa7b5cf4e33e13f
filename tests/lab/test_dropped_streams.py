"""
Streams that somebody stops using without a word.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import AsyncIterator

import pytest

from rpcfw import CallError, Service, Status, method
from rpcfw.spi.runtime.waiting import Waiter, sleep, spawn
from tests.lab.services import Streams


@pytest.fixture
def streams(lab):
    streams = Streams(lab.clock)
    lab.serve(streams)
    return streams


async def leaves_the_loop(client):
    async for number in client.tick(0.001):
        if number == 3:
            break


async def fails_in_the_loop(client):
    async for _ in client.tick(0.001):
        raise KeyError("of the loop's body")


async def drops_the_stream(client):
    stream = client.tick(0.001)
    await stream.__anext__()


async def drops_it_after_the_metadata(client):
    await client.tick(0.001).metadata()


async def closes_a_generator(client):
    async def doubled():
        async for number in client.tick(0.001):
            yield 2 * number

    generator = doubled()
    await generator.__anext__()
    await generator.aclose()


async def drops_a_generator(client):
    async def doubled():
        async for number in client.tick(0.001):
            yield 2 * number

    await doubled().__anext__()


async def keeps_it_in_a_circle(client):
    stream = client.tick(0.001)
    circle = [stream]
    circle.append(circle)
    await stream.__anext__()


@pytest.mark.parametrize(
    "use",
    [
        leaves_the_loop,
        fails_in_the_loop,
        drops_the_stream,
        drops_it_after_the_metadata,
        closes_a_generator,
        drops_a_generator,
        keeps_it_in_a_circle,
    ],
)
def test_a_dropped_stream_ends_at_the_server(lab, streams, use):
    """
    A stream that its caller no longer refers to is cancelled at once, not at its deadline.
    """
    using = lab.begin(use(lab.client(Streams)))
    lab.until(lambda: using.done)
    if use is fails_in_the_loop:
        with pytest.raises(KeyError):
            using.value  # noqa: B018
    gc.collect()
    lab.advance(0.1)
    assert ["tick"] == streams.closed


def test_a_stream_dropped_while_it_is_written_to(lab, streams):
    """
    A conversation whose messages come from an iterator ends it, too, when it is dropped.
    """
    closed = []

    async def messages():
        try:
            while True:
                yield "x"
                await sleep(lab.clock, 0.1)
        finally:
            closed.append("messages")

    async def talk():
        async for _ in lab.client(Streams).echo(messages()):
            return

    lab.run(talk())
    lab.advance(0.1)
    assert (["messages"], ["echo"]) == (closed, streams.closed)


def test_a_stream_dropped_after_it_was_written_to_by_hand(lab, streams):
    """
    A conversation that was only written to is given up with its last reference.
    """

    async def talk():
        stream = lab.client(Streams).echo()
        await stream.send("x")

    lab.run(talk())
    lab.advance(0.1)
    assert ["echo"] == streams.closed


def test_a_stream_dropped_while_it_opens(lab, streams):
    """
    A stream whose opener was closed while it waited is ended as soon as it is open.
    """
    coroutine = lab.client(Streams).tick(1).__anext__()
    coroutine.send(None)
    coroutine.close()
    del coroutine
    lab.advance(0.5)
    assert ["tick"] == streams.closed


def test_a_stream_dropped_in_another_thread(lab, streams):
    """
    Whichever thread frees a stream, it is cancelled in the reactor's.
    """
    stream = lab.client(Streams).tick(0.01)
    lab.run(stream.__anext__())
    held = [stream]
    del stream
    dropping = threading.Thread(target=held.clear)
    dropping.start()
    dropping.join()
    assert [] == streams.closed
    lab.advance(0.1)
    assert ["tick"] == streams.closed


def test_a_reader_that_waits_keeps_its_stream(lab, streams):
    """
    A stream is not dropped as long as anybody waits for its next message.
    """
    reading = lab.begin(read_all(lab.client(Streams).tick(1, timeout=5)))
    for _ in range(4):
        lab.advance(1)
        gc.collect()
    assert [] == streams.closed
    with pytest.raises(CallError) as caught:
        lab.finish(reading)
    assert Status.DEADLINE_EXCEEDED is caught.value.status


async def read_all(stream):
    return [message async for message in stream]


def test_a_stream_read_to_its_end_is_not_cancelled(lab, streams):
    """
    Dropping what has ended posts nothing to the reactor.
    """
    assert ["x"] * 3 == lab.run(read_all(lab.client(Streams).fill(3, 1)))
    lab.advance(0.1)
    pending = len(lab.clock.getDelayedCalls())
    lab.run(read_all(lab.client(Streams).fill(3, 1)))
    gc.collect()
    assert pending == len(lab.clock.getDelayedCalls())


class Keeper(Service, name="demo.Keeper"):
    """
    Keeps or drops the messages that it is sent.
    """

    def __init__(self, clock):
        self.clock = clock
        self.ended = []
        self.reading = None

    @method
    async def drop(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text
            break
        del texts
        await sleep(self.clock, 1)
        yield "after"

    @method
    async def keep(self, texts: AsyncIterator[str]) -> str:
        """
        Answer while something left behind still reads.
        """
        self.reading = spawn(self._read(texts))
        self.reading.addErrback(self.ended.append)
        return "answered"

    async def _read(self, texts):
        async for _ in texts:
            pass
        self.ended.append("at its end")


def test_a_method_drops_its_messages(lab):
    """
    A method may have enough of its caller's messages and go on to answer.
    """
    lab.serve(Keeper(lab.clock))

    async def messages():
        while True:
            yield "x"

    assert ["x", "after"] == lab.run(read_all(lab.client(Keeper).drop(messages())))


def test_what_a_method_left_behind_reads_no_longer(lab):
    """
    Whoever reads a call's messages after the call has ended is told so, and never hangs.
    """
    keeper = Keeper(lab.clock)
    lab.serve(keeper)

    async def messages():
        yield "x"
        await Waiter()

    assert "answered" == lab.run(lab.client(Keeper).keep(messages()))
    lab.advance(0.1)
    (failure,) = keeper.ended
    assert Status.CANCELLED is failure.value.status
