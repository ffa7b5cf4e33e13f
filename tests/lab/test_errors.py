"""
What a caller learns of what goes wrong, and what it does not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from rpcfw import ApplicationError, CallError, Service, Status, context, method
from rpcfw.errors import (
    InvalidMessage,
    MessageTooLarge,
    PermissionDenied,
    Unimplemented,
)
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.service import blocking
from rpcfw.spi.service_class import offered
from rpcfw.status import Hint
from tests.lab.services import Greeter, Kinds


def fails(lab, awaitable):
    with pytest.raises(CallError) as caught:
        lab.run(awaitable)
    return caught.value


def method_of(service, name):
    return next(one.method for one in offered(service) if one.method.name == name)


def test_an_error_that_nobody_planned(lab):
    """
    It reaches the caller as UNKNOWN with the id it is logged under, and nothing else.
    """

    class Broken(Greeter):
        async def say(self, name):
            raise KeyError("a secret")

    lab.serve(Broken())
    error = fails(lab, lab.client(Greeter).say("bob"))
    assert (Status.UNKNOWN, Hint.NONE) == (error.status, error.hints)
    assert "KeyError in demo.Greeter/say" in error.message
    assert "secret" not in error.message
    assert "Traceback" not in error.message
    (logged,) = lab.errors.events(KeyError)
    assert logged["error_id"] in error.message
    lab.errors.flush(KeyError)


def test_an_unknown_method(lab):
    """
    A method that is not there is named, with those that are; nothing was begun.
    """
    lab.serve(Greeter())
    channel = lab.consumer().application.channel("demo.Greeter")
    method = method_of(Greeter, "who")
    wrong = evolve(method, name="whom")
    error = fails(lab, channel.call(wrong, method.request_type()))
    assert isinstance(error, Unimplemented)
    assert "no method 'whom'; it has: say, slow, slow_write, who, write" in error.message


def test_an_unknown_service_at_a_server(lab):
    """
    A server that never served a service says so.
    """
    process = lab.serve(Greeter())
    (instance,) = process.application.registry.announced
    stray = evolve(instance, service="demo.Kinds")
    lab.registry.put(stray)
    error = fails(lab, lab.client(Kinds).plain("x"))
    assert isinstance(error, Unimplemented)
    assert "'demo.Kinds' is not served here" in error.message


@pytest.mark.parametrize(
    ("wire", "status"), [("native", Status.INVALID_ARGUMENT), ("grpc", Status.INTERNAL)]
)
def test_a_request_that_cannot_be_read(lab, wire, status):
    """
    A request that is none is the caller's fault, in every shape; gRPC calls it INTERNAL.
    """

    class Typed(Service, name="demo.Typed"):
        @method
        async def one(self, number: int) -> int:
            return number

    class Untyped(Service, name="demo.Typed"):
        @method
        async def one(self, number: str) -> int:
            return 0

    wires = f"app.protocols={wire}"
    lab.serve(Typed(), Kinds(lab.clock), sets=[wires, f"server.protocols={wire}"])
    consumer = lab.consumer(wires, f"client.protocols={wire}").application
    error = fails(lab, consumer.client(Untyped).one("x"))
    assert status is error.status
    method_ = evolve(method_of(Kinds, "total"), request_type=str)
    error = fails(lab, consumer.channel("demo.Kinds").call(method_, ["x"]))
    assert status is error.status


def test_a_response_that_cannot_be_read(lab):
    """
    A response that is none fails the call at the client.
    """

    class Numbers(Service, name="demo.Numbers"):
        @method
        async def one(self) -> int:
            return 1

    class Texts(Service, name="demo.Numbers"):
        @method
        async def one(self) -> str:
            return ""

    lab.serve(Numbers())
    error = fails(lab, lab.client(Texts).one())
    assert isinstance(error, InvalidMessage)
    assert "the response" in error.message


def test_a_response_that_cannot_be_written(lab):
    """
    A method that returns another type than it promised is an error of the server's.
    """

    class Liar(Greeter):
        async def say(self, name):
            return object()

    lab.serve(Liar())
    error = fails(lab, lab.client(Greeter).say("bob"))
    assert Status.INTERNAL is error.status
    assert lab.errors.flush(InvalidMessage)


def test_a_codec_that_is_not_there(lab):
    """
    A codec that the server has not is named, with those that it has.
    """
    lab.serve(Greeter(), sets=["app.codecs=json"])
    channel = lab.consumer("app.codecs=json, raw").application.channel("demo.Greeter")
    wrong = evolve(method_of(Greeter, "say"), codec="raw", request_type=bytes, response_type=bytes)
    error = fails(lab, channel.call(wrong, b"x"))
    assert isinstance(error, Unimplemented)
    assert "'raw' is not known here; known are: json" in error.message


LIMITS = [
    ("server", "limits.max_receive_bytes=10KiB", "max_receive_bytes of 10240 bytes"),
    ("client", "limits.max_send_bytes=10KiB", "max_send_bytes of 10240 bytes"),
]


@pytest.mark.parametrize(("side", "limit", "told"), LIMITS)
def test_a_request_that_is_too_large(lab, side, limit, told):
    """
    A request over a limit of either side is refused with the option, limit and size.
    """
    lab.serve(Greeter(), sets=[limit] if side == "server" else [])
    client = lab.consumer(*([limit] if side == "client" else [])).application.client(Greeter)
    error = fails(lab, client.say("x" * 20_000))
    assert Status.RESOURCE_EXHAUSTED is error.status
    assert told in error.message
    assert "20011" in error.message
    assert "hello bob" == lab.run(client.say("bob"))


def test_a_response_that_is_too_large(lab):
    """
    A response over a limit of either side fails its call alone.
    """

    class Large(Greeter):
        async def say(self, name):
            return "x" * int(name)

    lab.serve(Large(), sets=["limits.max_send_bytes=10KiB"])
    client = lab.consumer("limits.max_receive_bytes=5KiB").application.client(Greeter)
    for size, option in ((20_000, "max_send_bytes of 10240"), (8_000, "max_receive_bytes of 5120")):
        error = fails(lab, client.say(str(size)))
        assert Status.RESOURCE_EXHAUSTED is error.status
        assert option in error.message
    assert "xxx" == lab.run(client.say("3"))


def test_a_small_body_that_unpacks_large(lab):
    """
    A packed body may not unpack to more than is taken.
    """
    lab.serve(Greeter(), sets=["limits.max_receive_bytes=100KiB"])
    consumer = lab.consumer("compression.plugin=gzip")
    error = fails(lab, consumer.application.client(Greeter).say("x" * 1_000_000))
    assert isinstance(error, MessageTooLarge) or Status.RESOURCE_EXHAUSTED is error.status


@pytest.mark.parametrize("server", ["none", "gzip"])
@pytest.mark.parametrize("client", ["none", "gzip"])
def test_compression(lab, server, client):
    """
    Either side packs or does not, as it is told; the other reads both.
    """
    lab.serve(Greeter(), sets=[f"compression.plugin={server}"])
    consumer = lab.consumer(f"compression.plugin={client}")
    text = "x" * 5000
    assert f"hello {text}" == lab.run(consumer.application.client(Greeter).say(text))


def test_a_side_that_cannot_unpack(lab):
    """
    What the other side cannot undo is sent as it is.
    """
    lab.serve(Greeter(), sets=["app.compressors="])
    consumer = lab.consumer("compression.plugin=gzip")
    text = "x" * 5000
    assert f"hello {text}" == lab.run(consumer.application.client(Greeter).say(text))


class Relay(Service, name="demo.Relay"):
    """
    Fails with what it was told to, and calls on.
    """

    def __init__(self, error=None):
        self.error = error
        self.begun = 0
        self.next = None

    @method
    async def fail(self, text: str) -> str:
        self.begun += 1
        if self.error is not None:
            raise self.error
        return await self.next.say(text)

    @method
    @blocking
    def fail_in_thread(self, text: str) -> str:
        raise self.error


def test_promises_end_at_each_hop(lab):
    """
    That a call of the method's own was not begun says nothing of the method.
    """
    relays = [Relay(), Relay()]
    for relay in relays:
        process = lab.serve(relay)
        relay.next = process.application.client(Greeter)
    error = fails(lab, lab.client(Relay).fail("x"))
    assert (Status.UNAVAILABLE, Hint.NONE) == (error.status, error.hints)
    assert 1 == sum(relay.begun for relay in relays)


def test_what_a_peer_said_stays_with_its_caller(lab):
    """
    Details, trailers and wishes of a peer are not passed on by a method that fails.
    """

    class Rich(Greeter):
        async def say(self, name):
            raise ApplicationError(
                Status.ABORTED, "no", details=b"d", trailers=(("t", "1"),), retry_after_s=5
            )

    lab.serve(Rich())
    relay = Relay()
    relay.next = lab.serve(relay).application.client(Greeter)
    error = fails(lab, lab.client(Relay).fail("x"))
    assert (Status.ABORTED, "no") == (error.status, error.message)
    assert (b"", (), None) == (error.details, error.trailers, error.retry_after_s)


@pytest.mark.parametrize("kind", ["fail", "fail_in_thread"])
def test_an_error_of_the_methods_own(lab, kind):
    """
    What a method raises itself keeps what it carries, but no promise that it was not begun.
    """
    lab.serve(Relay(PermissionDenied("no", trailers=(("t", "1"),), hints=Hint.NOT_BEGUN)))
    error = fails(lab, getattr(lab.client(Relay), kind)("x"))
    assert isinstance(error, PermissionDenied)
    assert ("no", Hint.NONE, (("t", "1"),)) == (error.message, error.hints, error.trailers)


def test_an_error_that_says_it_went_well(lab):
    """
    An error with the status OK is a mistake of the method's, and told as UNKNOWN.
    """
    lab.serve(Relay(ApplicationError(Status.OK, "fine")))
    assert Status.UNKNOWN is fails(lab, lab.client(Relay).fail("x")).status
    assert lab.errors.flush(ApplicationError)


class OneWay(Service, name="demo.OneWay"):
    """
    Is told things and answers nothing.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.told = []

    @method(one_way=True)
    async def tell(self, text: str) -> None:
        await sleep(self.clock, 0.1)
        self.told.append(text)

    @method(one_way=True)
    async def fail(self) -> None:
        raise KeyError("nobody hears")


def test_one_way(lab):
    """
    A one-way call returns before it is served, is served, and its errors are logged.
    """
    service = OneWay(lab.clock)
    lab.serve(service)
    client = lab.client(OneWay)
    assert None is lab.run(client.tell("a"))
    assert [] == service.told
    lab.run(client.fail())
    lab.advance(1)
    assert ["a"] == service.told
    assert [KeyError] == [type(error) for error in lab.errors.flush(KeyError)]


def test_one_way_ends_with_a_stop(lab):
    """
    A one-way call that was taken is served to its end before the server stops.
    """
    service = OneWay(lab.clock)
    process = lab.serve(service)
    lab.run(lab.client(OneWay).tell("a"))
    lab.advance(0.05)
    lab.stop(process)
    assert ["a"] == service.told


class Picky(Service, name="demo.Picky"):
    """
    Says something, then refuses what it was sent.
    """

    @method
    async def take(self, texts: AsyncIterator[str]) -> str:
        context().send_metadata({"x-place": "here"})
        context().send_trailers({"x-why": "taste"})
        raise ApplicationError(Status.NOT_FOUND, "no such thing")


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_what_a_method_says_before_it_fails_while_its_client_streams(lab, wire):
    """
    The error has the metadata and the trailers, as that of a unary call has.
    """
    wires = f"app.protocols={wire}"
    lab.serve(Picky(), sets=[wires, f"server.protocols={wire}"])
    client = lab.consumer(wires, f"client.protocols={wire}").application.client(Picky)
    error = fails(lab, client.take(["a"]))
    assert (("x-place", "here"),) == error.metadata
    assert (("x-why", "taste"),) == error.trailers


def test_one_way_calls_are_bounded(lab):
    """
    A server works on so many of a connection's one-way calls at once, and drops the rest.
    """
    service = OneWay(lab.clock)
    lab.serve(service, sets=["limits.max_calls=3"])
    client = lab.client(OneWay)
    for number in range(5):
        lab.run(client.tell(str(number)))
    lab.advance(1)
    assert ["0", "1", "2"] == service.told
    lab.run(client.tell("later"))
    lab.advance(1)
    assert "later" == service.told[-1]


def test_one_way_calls_that_outlive_their_connections_are_bounded(lab):
    """
    A caller that hangs up keeps its one-way calls, but not beyond the limit by doing it again.
    """
    service = OneWay(lab.clock)
    lab.serve(service, sets=["limits.max_calls=3"])
    for number in range(3):
        consumer = lab.consumer()
        client = consumer.application.client(OneWay)
        for each in range(2):
            lab.run(client.tell(f"{number}.{each}"))
        lab.advance(0.001)
        lab.kill(consumer)
        lab.advance(0.001)
    lab.advance(1)
    assert ["0.0", "0.1", "1.0"] == sorted(service.told)


@pytest.mark.parametrize("ends", ["fails", "in time", "late"])
def test_a_one_way_call_leaves_its_place(lab, ends):
    """
    However it ends, there is room for the next one.
    """
    service = OneWay(lab.clock)
    lab.serve(service, sets=["limits.max_calls=1"])
    client = lab.client(OneWay)
    for _ in range(3):
        if ends == "fails":
            lab.run(client.fail())
        else:
            lab.run(client.tell("a", timeout="1s" if ends == "in time" else "50ms"))
        lab.advance(1)
    lab.run(client.tell("b"))
    lab.advance(1)
    assert "b" == service.told[-1]
    lab.errors.flush(KeyError)


def test_one_way_calls_that_are_begun_when_their_connection_is_lost_are_bounded(lab):
    """
    The limit holds for those too that came in one read, and had no turn before the caller hung up.
    """
    service = OneWay(lab.clock)
    server = lab.serve(service, sets=["limits.max_calls=400"]).application.server
    for _ in range(2):
        consumer = lab.consumer()
        client = consumer.application.client(OneWay)

        async def many(client=client):
            for _ in range(400):
                await client.tell("a")

        lab.run(client.tell("first"))
        lab.run(many())
        lab.until(lambda before=server.in_flight: server.in_flight > before + 100)
        lab.kill(consumer)
        lab.advance(0.001)
    assert 400 == server.in_flight
    lab.advance(1)
    assert 400 == len(service.told)
