"""
Time limits: of a call, of its attempts, of what it calls in turn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from rpcfw import ApplicationError, CallError, Service, Status, context, method
from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.status import Hint
from tests.lab.services import Greeter, Streams


def fails(lab, awaitable):
    with pytest.raises(CallError) as caught:
        lab.run(awaitable)
    return caught.value


def test_the_default_limit(lab):
    """
    A call that names no limit has the configured one, and the error says where it went.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    began = lab.clock.seconds()
    error = fails(lab, lab.client(Greeter).slow(10))
    assert isinstance(error, DeadlineExceeded)
    assert "within 3 s" in error.message
    assert "memory:a" in error.message
    assert 3 == pytest.approx(lab.clock.seconds() - began, abs=0.02)


def test_a_limit_as_text(lab):
    """
    A limit may be written with its unit.
    """
    lab.serve(Greeter("a", lab.clock))
    began = lab.clock.seconds()
    assert fails(lab, lab.client(Greeter).slow(10, timeout="250ms"))
    assert 0.25 == pytest.approx(lab.clock.seconds() - began, abs=0.02)


@pytest.mark.parametrize("limit", [math.nan, 1e300])
def test_a_limit_that_nobody_means(lab, limit):
    """
    What is no number, or a number beyond all sense, is refused.
    """
    with pytest.raises(ValueError, match=r"or math\.inf for no limit"):
        lab.client(Greeter).say("bob", timeout=limit)


def test_a_limit_that_is_over(lab):
    """
    A call without any time left is not sent.
    """
    greeter = Greeter("a", lab.clock)
    lab.serve(greeter)
    error = fails(lab, lab.client(Greeter).say("bob", timeout=0))
    assert (Status.DEADLINE_EXCEEDED, Hint.NEVER_SENT) == (error.status, error.hints)
    assert [] == greeter.begun


def test_the_limit_is_for_all_attempts(lab):
    """
    Attempts share the one limit of their call.
    """
    services = [Greeter(name, lab.clock) for name in "abc"]
    for service in services:
        lab.serve(service)
    consumer = lab.consumer("client.attempt_timeout=400ms", "retry.max_attempts=9")
    began = lab.clock.seconds()
    error = fails(lab, consumer.application.client(Greeter).slow(10, timeout=1))
    assert Status.DEADLINE_EXCEEDED is error.status
    assert 1 == pytest.approx(lab.clock.seconds() - began, abs=0.02)
    begun = [len(service.begun) for service in services]
    assert [1, 1, 1] == begun


def test_an_attempts_limit_leaves_time_for_another(lab):
    """
    A node that hangs costs its attempt's limit, and the call goes well elsewhere.
    """
    hangs = Greeter("hangs", lab.clock)
    for service in (hangs, Greeter("works", lab.clock)):

        async def who(self=service):
            self.begun.append("who")
            if self is hangs:
                await sleep(lab.clock, 100)
            return self.name

        service.who = who
        lab.serve(service)
    client = lab.consumer("client.attempt_timeout=200ms").application.client(Greeter)
    assert ["works"] * 8 == [lab.run(client.who()) for _ in range(8)]
    assert hangs.begun


def test_the_server_is_told(lab):
    """
    The method knows the deadline of its caller, and is cancelled at it.
    """

    class Asked(Service, name="demo.Asked"):
        @method
        async def left(self) -> float:
            return context().deadline - lab.clock.seconds()

    lab.serve(Asked())
    assert 0.7 == pytest.approx(lab.run(lab.client(Asked).left(timeout=0.7)), abs=0.01)


class Outer(Service, name="demo.Outer"):
    """
    Calls the greeter, within its call and beside it.
    """

    def __init__(self, clock):
        self.clock = clock
        self.greeter = None
        self.beside = None

    @method
    async def slow(self, seconds: float) -> str:
        return await self.greeter.slow(seconds, timeout=60)

    @method
    async def begin(self, seconds: float) -> str:
        self.beside = spawn(self._later(seconds))
        return "begun"

    @method
    async def begin_slowly(self, seconds: float) -> str:
        await sleep(self.clock, 0.1)
        self.beside = spawn(self._later(seconds))
        return "begun"

    async def _later(self, seconds):
        await sleep(self.clock, seconds)
        return await self.greeter.say("bob")


@pytest.fixture
def outer(lab):
    lab.serve(Greeter("a", lab.clock))
    outer = Outer(lab.clock)
    process = lab.serve(outer)
    outer.greeter = process.application.client(Greeter)
    return outer


def test_nested_calls_inherit_the_deadline(lab, outer):
    """
    A call made while serving another never outlives it, whatever limit it names.
    """
    began = lab.clock.seconds()
    error = fails(lab, lab.client(Outer).slow(10, timeout=1))
    assert Status.DEADLINE_EXCEEDED is error.status
    assert 1 == pytest.approx(lab.clock.seconds() - began, abs=0.02)
    lab.advance(0.1)


@pytest.mark.parametrize("how", ["begin", "begin_slowly"])
def test_work_left_behind_is_not_limited(lab, outer, how):
    """
    What a method leaves behind may go on calling after the method's own deadline.
    """
    assert "begun" == lab.run(getattr(lab.client(Outer), how)(5, timeout=1))
    lab.advance(6)
    assert "hello bob" == outer.beside.result
    outer.beside = None


class Hasty(Service, name="demo.Hasty"):
    """
    Ends its calls at their deadline, with the word that gRPC's resets have for it.
    """

    def __init__(self, clock):
        self.clock = clock

    @method
    async def one(self) -> str:
        context().send_metadata({"x-place": "here"})
        await self._give_up()

    @method
    async def many(self) -> AsyncIterator[str]:
        yield "first"
        await self._give_up()

    async def _give_up(self):
        # A deadline fires up to a grain late, at either side; this is exact.
        await sleep(self.clock, context().deadline - self.clock.seconds())
        raise ApplicationError(Status.CANCELLED, "reset")


def test_a_server_that_sees_the_deadline_first(lab):
    """
    Who cancels a call whose time is over says that it is over.
    """
    lab.serve(Hasty(lab.clock))
    client = lab.client(Hasty)

    async def read():
        return [each async for each in client.many(timeout=0.5)]

    one, many = fails(lab, client.one(timeout=0.5)), fails(lab, read())
    assert (("x-place", "here"),) == one.metadata
    for error in (one, many):
        assert Status.DEADLINE_EXCEEDED is error.status
        assert "gave demo.Hasty/" in error.message


def test_streams_have_a_deadline(lab):
    """
    A stream that is open at its deadline ends with the error, at both sides.
    """
    streams = Streams(lab.clock)
    lab.serve(streams)

    async def read():
        got = []
        with pytest.raises(DeadlineExceeded):  # noqa: PT012 - and what came before
            async for number in lab.client(Streams).tick(1, timeout=3.5):
                got.append(number)  # noqa: PERF401 - likewise
        return got

    assert [0, 1, 2, 3] == lab.run(read())
    lab.advance(0.1)
    assert ["tick"] == streams.closed


def test_a_stream_that_never_begins(lab):
    """
    A stream of which nothing comes ends at its deadline, too.
    """
    streams = Streams(lab.clock)
    lab.serve(streams)

    async def read():
        return [number async for number in lab.client(Streams).never(timeout=1)]

    assert Status.DEADLINE_EXCEEDED is fails(lab, read()).status
    lab.advance(0.1)
    assert ["never"] == streams.closed


def test_nobody_to_ask(lab):
    """
    A call whose registry says nothing fails with that, at its deadline.
    """
    lab.registry.leave()
    error = fails(lab, lab.client(Greeter).say("bob"))
    assert Status.DEADLINE_EXCEEDED is error.status
    assert "registry" in error.message


def test_no_asyncio_here():
    """
    The lab runs without an asyncio loop, so that time is its own.
    """
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
