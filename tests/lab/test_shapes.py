"""
Every shape of call in every kind of method, and what travels beside the messages.
"""

from __future__ import annotations

import pytest
from attrs import evolve

import rpcfw
from rpcfw import ApplicationError, CallError, Status
from rpcfw.errors import Unimplemented
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.service_class import offered
from rpcfw.values.metadata import Metadata
from rpcfw.values.method import Shape
from tests.lab.services import Greeter, Kinds, Talker


async def every(stream):
    return [message async for message in stream]


async def numbers(count):
    for number in range(count):
        yield number


@pytest.fixture
def kinds(lab):
    lab.serve(Kinds(lab.clock))
    return lab.client(Kinds)


@pytest.fixture
def talker(lab):
    lab.serve(Talker())
    return lab.client(Talker)


@pytest.mark.parametrize("kind", ["coroutine", "waiting", "plain", "deferred"])
def test_unary(lab, kinds, kind):
    """
    A method may be a coroutine function, wait, be plain, or return a Deferred.
    """
    assert "BOB" == lab.run(getattr(kinds, kind)("bob"))


def test_blocking_methods_run_in_the_lab(lab, kinds):
    """
    A blocking method is served without threads in the lab, in the context of its call.
    """
    assert "BOB!" == lab.run(kinds.blocks("bob", metadata={"mark": "!"}))


@pytest.mark.parametrize("kind", ["up", "up_plain", "up_coroutine"])
def test_server_streams(lab, kinds, kind):
    """
    A server streams from an async generator, or from a function that returns one.
    """
    assert [0, 1, 2] == lab.run(every(getattr(kinds, kind)(3)))


def test_an_empty_stream(lab, kinds):
    """
    A stream without messages ends well.
    """
    assert [] == lab.run(every(kinds.up(0)))


@pytest.mark.parametrize("kind", ["total", "total_deferred"])
@pytest.mark.parametrize("given", [[1, 2, 3], (1, 2, 3), numbers], ids=["list", "tuple", "async"])
def test_client_streams(lab, kinds, kind, given):
    """
    A client streams from any iterable, also an async one.
    """
    messages = given(4) if callable(given) else given
    assert 6 == lab.run(getattr(kinds, kind)(messages))


@pytest.mark.parametrize("kind", ["double", "double_plain"])
def test_both_stream(lab, kinds, kind):
    """
    Both sides stream at once, from what was handed in.
    """
    assert [0, 2, 4] == lab.run(every(getattr(kinds, kind)(numbers(3))))


def test_both_stream_by_hand(lab, kinds):
    """
    A client that handed nothing in writes to the stream and reads the answers in between.
    """

    async def talk():
        got = []
        async with kinds.double() as stream:
            for number in (5, 6):
                await stream.send(number)
                got.append(await stream.__anext__())
            await stream.end()
            got += [message async for message in stream]
        return got

    assert [10, 12] == lab.run(talk())


def test_two_services_in_one_process(lab):
    """
    A process serves several services at one address, and calls itself like others.
    """
    process = lab.serve(Greeter(), Kinds(lab.clock))
    assert "hello bob" == lab.run(lab.client(Greeter).say("bob"))
    assert "BOB" == lab.run(process.application.client(Kinds).plain("bob"))


def test_metadata_of_streams(lab, talker):
    """
    Metadata travels with a stream both ways: before the messages and behind them.
    """

    async def talk(stream):
        async with stream:
            pairs = await stream.metadata()
            got = [message async for message in stream]
        return got, pairs, stream.trailers

    heard, bye = Metadata((("heard", "x"),)), Metadata((("bye", "x"),))
    ask = {"ask": "x"}
    assert (["a", "a"], heard, bye) == lab.run(talk(talker.down("a", metadata=ask)))
    assert ([], heard, bye) == lab.run(talk(talker.silent("a", metadata=ask)))
    assert (["a"], heard, bye) == lab.run(talk(talker.both(["a"], metadata=ask)))


def test_trailers_of_failures(lab, talker):
    """
    What a method said behind its messages reaches the caller with its error, too.
    """

    async def fail(awaitable):
        with pytest.raises(CallError) as caught:
            await awaitable
        return caught.value

    error = lab.run(fail(talker.fails("bob", metadata={"ask": "x"})))
    assert (Status.NOT_FOUND, "no bob") == (error.status, error.message)
    assert (("bye", "x"),) == error.trailers
    error = lab.run(fail(every(talker.breaks_off("bob", metadata={"ask": "x"}))))
    assert (Status.NOT_FOUND, (("bye", "x"),)) == (error.status, error.trailers)


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_metadata_of_failures(lab, wire):
    """
    What a method said before it failed reaches its caller on each wire, in every shape.
    """
    sets = ("app.protocols=native, grpc", "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol")
    lab.serve(Talker(), sets=(*sets, "server.protocols=native, grpc"))
    consumer = lab.consumer(*sets, f"client.protocols={wire}")
    talker = consumer.application.client(Talker)
    heard, bye, ask = (("heard", "x"),), (("bye", "x"),), {"ask": "x"}

    async def of_an_answer(awaitable):
        with pytest.raises(CallError) as caught:
            await awaitable
        return caught.value.status, caught.value.metadata, caught.value.trailers

    async def of_a_stream(stream):
        with pytest.raises(CallError) as caught:
            await every(stream)
        return caught.value.status, (await stream.metadata()).pairs, caught.value.trailers

    missing = Status.NOT_FOUND, heard, bye
    assert missing == lab.run(of_an_answer(talker.fails("bob", metadata=ask)))
    for method in (talker.fails_at_once, talker.fails_before, talker.breaks_off):
        assert missing == lab.run(of_a_stream(method("bob", metadata=ask)))
    refused = Status.UNAVAILABLE, (), bye
    assert refused == lab.run(of_an_answer(talker.refuses("bob", metadata=ask)))

    async def join():
        with rpcfw.call_details() as told, pytest.raises(CallError, match="no text"):
            await talker.fails_to_join(["a"], metadata=ask)
        return told.metadata.pairs, told.trailers.pairs

    assert (heard, bye) == lab.run(join())


def test_an_applications_error(lab):
    """
    A service's author decides on status, details, trailers and what may be done.
    """

    class Picky(Greeter):
        async def say(self, name):
            raise ApplicationError(
                Status.ABORTED, "no", details=b"d", trailers=(("t", "1"),), retry_after_s=-1
            )

    lab.serve(Picky())
    with pytest.raises(CallError) as caught:
        lab.run(lab.client(Greeter).say("bob"))
    error = caught.value
    assert (Status.ABORTED, "no", b"d") == (error.status, error.message, error.details)
    assert (("t", "1"),) == error.trailers
    assert error.retry_after_s < 0


def test_a_unary_call_of_a_stream(lab, talker):
    """
    A client that takes a streaming method for a unary one is told, and only that call fails.
    """
    (down,) = [one.method for one in offered(Talker) if one.method.name == "down"]
    wrong = evolve(down, shape=Shape.UNARY)
    channel = lab.consumer().application.channel("demo.Talker")
    with pytest.raises(Unimplemented, match="stream"):
        lab.run(channel.call(wrong, down.request_type("x")))
    assert "x" == lab.run(talker.unary("x"))


def test_a_streaming_call_of_a_unary_method(lab, talker):
    """
    A client that takes a unary method for a streaming one gets its one message.
    """
    (unary,) = [one.method for one in offered(Talker) if one.method.name == "unary"]
    wrong = evolve(unary, shape=Shape.SERVER_STREAM)
    channel = lab.consumer().application.channel("demo.Talker")
    assert ["x"] == lab.run(every(channel.stream(wrong, unary.request_type("x"))))


def test_none_where_messages_are_due(lab, kinds):
    """
    None instead of messages is refused at once; nobody could write to such a call.
    """
    with pytest.raises(TypeError, match=r"demo\.Kinds/total takes an iterable.*got None"):
        lab.run(kinds.total(None), limit_s=1)


def test_a_second_response_ends_a_call_whose_client_streams(lab, kinds):
    """
    A client that gets a second response where one is due gives the call up, at both ends.

    Its requests are not sent on until its deadline.
    """
    sent = []

    async def endless():
        for number in range(100_000):
            await sleep(lab.clock, 0.01)
            sent.append(number)
            yield number

    (double,) = [one.method for one in offered(Kinds) if one.method.name == "double"]
    wrong = evolve(double, shape=Shape.CLIENT_STREAM)
    channel = lab.consumer().application.channel("demo.Kinds")
    with pytest.raises(Unimplemented, match="did not answer with one message"):
        lab.run(channel.call(wrong, endless()))
    before = len(sent)
    lab.advance(10)
    assert before == len(sent)
