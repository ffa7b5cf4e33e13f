"""
Giving calls up: what ends, where, and what it leaves.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import pytest
from twisted.internet.defer import Deferred

from rpcfw import CallError, Service, Status, context, method
from rpcfw.errors import Cancelled, DeadlineExceeded
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, sleep
from tests.lab.services import Greeter, Streams


class Middle(Service, name="demo.Middle"):
    """
    Passes calls on to the greeter.
    """

    def __init__(self, greeter=None):
        self.greeter = greeter
        self.ended = []

    @method
    async def slow(self, seconds: float) -> str:
        try:
            return await self.greeter.slow(seconds)
        finally:
            self.ended.append("slow")


@pytest.fixture
def streams(lab):
    streams = Streams(lab.clock)
    lab.serve(streams)
    return streams


async def every(stream):
    return [message async for message in stream]


def chain(lab):
    greeter = Greeter("far", lab.clock)
    lab.serve(greeter, name="far")
    middle = Middle()
    process = lab.serve(middle, name="middle")
    middle.greeter = process.application.client(Greeter)
    return greeter, middle


def test_a_cancelled_call_ends_two_hops_away(lab):
    """
    Giving up a call ends its method and the call that the method made.
    """
    greeter, middle = chain(lab)
    running = lab.begin(lab.client(Middle).slow(2))
    lab.advance(0.5)
    assert (["slow"], []) == (greeter.begun, greeter.ended)
    running.cancel()
    lab.advance(0.01)
    with pytest.raises(CANCELLED):
        running.value  # noqa: B018
    assert (["slow"], ["slow"]) == (middle.ended, greeter.ended)


def test_a_lost_caller_ends_two_hops_away(lab):
    """
    A caller that dies has its call ended at the server, and what that called.
    """
    greeter, middle = chain(lab)
    consumer = lab.consumer()
    lab.begin(consumer.application.client(Middle).slow(2))
    lab.advance(0.5)
    lab.kill(consumer)
    lab.advance(0.01)
    assert (["slow"], ["slow"]) == (middle.ended, greeter.ended)


def test_a_streams_block_ends_it(lab, streams):
    """
    Leaving the block of a stream ends it at the server; its clean-up may wait.
    """

    async def look():
        async with lab.client(Streams).tick(1) as stream:
            async for number in stream:
                if number == 3:
                    return

    lab.run(look())
    assert [] == streams.closed
    lab.advance(0.02)
    assert ["tick"] == streams.closed


def test_a_cancelled_stream_says_so(lab, streams):
    """
    Who reads a stream that was cancelled gets the error, as does who writes to it.
    """
    stream = lab.client(Streams).echo()
    got = lab.begin(every(stream))
    lab.advance(0.1)
    stream.cancel()
    stream.cancel()
    lab.advance(0.1)
    for waiting in (got, lab.begin(every(stream)), lab.begin(stream.send("late"))):
        with pytest.raises(Cancelled):
            lab.finish(waiting)
    assert ["echo"] == streams.closed


def test_a_stream_cancelled_before_it_began(lab, streams):
    """
    A stream that is cancelled before its first use makes no call at all.
    """
    stream = lab.client(Streams).fill(3, 1)
    stream.cancel()
    with pytest.raises(Cancelled):
        lab.run(every(stream))
    assert 0 == streams.sent


def test_a_stream_that_is_never_used(lab, streams):
    """
    A stream that nobody uses costs nothing and warns of nothing.
    """
    lab.client(Streams).fill(3, 1)
    lab.advance(1)
    assert 0 == streams.sent


@pytest.mark.parametrize("wait_s", [0, 0.001, 0.5])
def test_a_cancelled_reader_ends_the_stream(lab, streams, wait_s):
    """
    A reader that is cancelled while it waits, for the beginning too, ends the call.
    """
    reading = lab.begin(every(lab.client(Streams).never()))
    lab.advance(wait_s)
    reading.cancel()
    lab.advance(0.1)
    with pytest.raises(CANCELLED):
        reading.value  # noqa: B018
    assert streams.closed in (["never"], [])
    lab.advance(1)


def test_a_cancelled_reader_of_a_stream_that_runs(lab, streams):
    """
    A reader that is cancelled between messages ends the call at the server.
    """
    reading = lab.begin(every(lab.client(Streams).tick(1)))
    lab.advance(2.5)
    reading.cancel()
    lab.advance(0.1)
    assert ["tick"] == streams.closed


class Silent(Service, name="demo.Silent"):
    """
    Takes messages, and says nothing.
    """

    @method
    async def chat(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            if text == "answer":
                yield text


def test_waits_for_metadata_that_are_given_up(lab):
    """
    Whoever waits again and again for a stream to begin, each time with a limit, fills nothing.
    """
    lab.serve(Silent())
    stream = lab.client(Silent).chat()
    lab.run(stream.send("a"))
    lab.advance(0.1)
    before = waiters()
    for _ in range(20):
        waiting = lab.begin(stream.metadata())
        lab.advance(0.01)
        waiting.cancel()
        lab.advance(0.01)
    del waiting
    assert before == waiters()
    lab.run(stream.send("answer"))
    assert "answer" == lab.run(anext(stream))
    stream.cancel()
    lab.advance(0.1)


def waiters():
    gc.collect()
    return sum(isinstance(each, Waiter) for each in gc.get_objects())


def test_a_cancelled_upload(lab, streams):
    """
    Giving up a call whose client streams ends it at the server and closes the messages.
    """
    closed = []

    async def messages():
        try:
            while True:
                yield "x"
                await sleep(lab.clock, 0.1)
        finally:
            closed.append("messages")

    uploading = lab.begin(lab.client(Streams).sip(messages()))
    lab.advance(1.05)
    uploading.cancel()
    lab.advance(0.1)
    assert ["messages"] == closed
    assert 0 < len(streams.got) < 11


def test_messages_that_fail(lab, streams):
    """
    An error in the client's own messages is the caller's error, and ends the call.
    """

    async def broken():
        yield "a"
        await sleep(lab.clock, 0.1)
        raise ValueError("mine")

    def plain():
        yield "a"
        raise ValueError("mine")

    for messages in (broken(), plain(), [object()]):
        with pytest.raises((ValueError, CallError)):
            lab.run(lab.client(Streams).sip(messages))
    lab.advance(1)


def test_a_nested_failure_in_messages_is_not_repeated(lab, streams):
    """
    Messages that fail with an error of another call do not have theirs repeated.
    """
    tries = []

    class Nowhere(Greeter, name="demo.Nowhere"):
        pass

    async def messages():
        tries.append(1)
        yield await lab.client(Nowhere).say("x")

    with pytest.raises(CallError):
        lab.run(lab.client(Streams).sip(messages()))
    assert [1] == tries
    lab.advance(1)


def test_a_method_that_will_not_end(lab):
    """
    A method that swallows its cancellation does not hold its caller, nor a stop for long.
    """

    class Stubborn(Greeter):
        async def slow(self, seconds):
            for _ in range(3):
                try:
                    await sleep(self.clock, seconds)
                except CANCELLED:
                    self.ended.append(context().cancelled)
            return "late"

    stubborn = Stubborn("", lab.clock)
    process = lab.serve(stubborn)
    with pytest.raises(CallError) as caught:
        lab.run(lab.client(Greeter).slow(20, timeout=1))
    assert Status.DEADLINE_EXCEEDED is caught.value.status
    lab.advance(0.1)
    assert [True] == stubborn.ended
    lab.advance(60)
    assert 0 == process.application.server.in_flight


def test_stopping_a_client_ends_its_calls(lab, streams):
    """
    A client that stops fails what is open as cancelled, whatever it waits for.
    """
    greeter = Greeter("", lab.clock)
    lab.serve(greeter)
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    lab.run(client.say("bob"))
    ticking = lab.begin(every(consumer.application.client(Streams).tick(1)))
    lab.advance(0.5)
    lab.registry.leave()
    waiting = [
        ticking,
        lab.begin(client.slow(2)),
        lab.begin(client.slow_write(2)),
        lab.begin(consumer.application.client(Middle).slow(2)),
    ]
    lab.advance(0.5)
    lab.stop(consumer)
    lab.advance(0.1)
    for one in waiting:
        with pytest.raises(Cancelled):
            one.value  # noqa: B018
    assert ["slow"] == greeter.ended
    with pytest.raises(Cancelled, match="stopped"):
        lab.run(client.say("late"))


class Stubborn(Service, name="demo.Stubborn"):
    """
    Waits for what cannot be cancelled properly.
    """

    @method
    async def wait(self) -> str:
        await Deferred(lambda _: 1 / 0)
        return "never"


@pytest.mark.parametrize("end", ["lost", "late"])
def test_a_canceller_that_fails(lab, end):
    """
    It ends its own call with its error, and keeps no other call from being given up.
    """
    server = lab.serve(Stubborn()).application.server
    consumer = lab.consumer("retry.max_attempts=1")
    client = consumer.application.client(Stubborn)
    running = [lab.begin(client.wait(timeout="2s")) for _ in range(3)]
    lab.advance(0.1)
    assert 3 == server.in_flight
    if end == "lost":
        lab.kill(consumer)
        lab.advance(1)
    else:
        for one in running:
            with pytest.raises(DeadlineExceeded):
                lab.finish(one)
        lab.advance(1)
    assert 0 == server.in_flight
    assert [ZeroDivisionError] * 3 == [type(one) for one in lab.errors.flush(ZeroDivisionError)]
