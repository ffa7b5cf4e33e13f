"""
Traces of whole systems: what is recorded of calls, attempts, and what they lead to.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from io import StringIO

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.trace import StatusCode
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger, globalLogPublisher

import rpcfw
from rpcfw import ApplicationError, CallError, Service, Status, blocking, method
from rpcfw.kernel.log import OneLineObserver
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint
from tests.spans import Recorded

TRACING = "tracing.plugin=otel"
NONE = "tracing.sample=0%"
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

tracer = trace.get_tracer("test")


class Shop(Service, name="demo.Shop"):
    """
    Refuses as often as it is told to.
    """

    def __init__(self, refusals=0, error=None):
        self.refusals = refusals
        self.error = error
        self.metadata = []

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        self.metadata.append(rpcfw.context().metadata)
        if self.refusals:
            self.refusals -= 1
            raise ApplicationError(Status.UNAVAILABLE, "come again", hints=Hint.SAFE_TO_REPEAT)
        if self.error is not None:
            raise self.error
        return f"item {key}"

    @method
    async def all(self, count: int) -> AsyncIterator[str]:
        for key in range(count):
            yield f"item {key}"
        if self.error is not None:
            raise self.error


class Front(Service, name="demo.Front"):
    """
    Asks the shop.
    """

    def __init__(self):
        self.shop = None

    @method
    async def buy(self, key: int) -> str:
        return await self.shop.get(key)


@pytest.fixture
def recorded():
    return Recorded()


def chain(lab, shop, *sets):
    """
    Start a shop and what stands before it, and return what calls that.
    """
    front = Front()
    lab.serve(shop, sets=sets)
    front.shop = lab.serve(front, sets=sets).application.client(Shop)
    return lab.consumer(*sets).application.client(Front)


def test_the_whole_tree_of_a_call(lab, recorded):
    """
    A call, its attempts, what they are at the server, and the calls made there are one trace.
    """
    front = chain(lab, Shop(refusals=1), TRACING)

    assert "item 7" == lab.run(front.buy(7))

    assert [
        "CLIENT demo.Front/buy OK",
        "  CLIENT demo.Front/buy attempt 1 OK",
        "    SERVER demo.Front/buy OK",
        "      CLIENT demo.Shop/get OK",
        "        CLIENT demo.Shop/get attempt 1 UNAVAILABLE",
        "          SERVER demo.Shop/get UNAVAILABLE",
        "        CLIENT demo.Shop/get attempt 2 OK",
        "          SERVER demo.Shop/get OK",
    ] == recorded.tree()


def test_what_an_attempt_says(lab, recorded):
    """
    An attempt has its number, its node, what may be done about its failure, and why it was made.
    """
    lab.serve(Shop(refusals=1), sets=(TRACING,))
    lab.run(lab.consumer(TRACING).application.client(Shop).get(7))

    first, second = (each for each in recorded.spans if "rpcfw.attempt.number" in each.attributes)

    assert first.attributes["server.address"] == second.attributes["server.address"]
    assert ("SAFE_TO_REPEAT", 1) == (
        first.attributes["rpcfw.hints"],
        first.attributes["rpcfw.attempt.number"],
    )
    assert "rpcfw.attempt.reason" not in first.attributes
    assert "UNAVAILABLE" == second.attributes["rpcfw.attempt.reason"]
    assert (StatusCode.ERROR, "come again") == (
        first.status.status_code,
        first.status.description,
    )


def test_the_error_of_a_caller_is_none_of_the_server(lab, recorded):
    """
    A server that refuses what is not there works as it should; its client has failed.
    """
    lab.serve(Shop(error=ApplicationError(Status.NOT_FOUND, "no such item")), sets=(TRACING,))
    client = lab.consumer(TRACING).application.client(Shop)

    with pytest.raises(CallError, match="no such item"):
        lab.run(client.get(7))

    states = {each.kind.name: each.status.status_code for each in recorded.spans}
    assert {"CLIENT": StatusCode.ERROR, "SERVER": StatusCode.UNSET} == states
    assert {"NOT_FOUND"} == {each.attributes["error.type"] for each in recorded.spans}


def test_the_error_names_the_trace(lab, recorded):
    """
    Who gets an error can look its call up.
    """
    lab.serve(Shop(error=ApplicationError(Status.NOT_FOUND, "no such item")), sets=(TRACING,))
    client = lab.consumer(TRACING).application.client(Shop)

    with pytest.raises(CallError) as caught:
        lab.run(client.get(7))

    trace_id = f"{recorded.spans[0].context.trace_id:032x}"
    assert trace_id == caught.value.trace_id
    assert f"NOT_FOUND: no such item (trace {trace_id})" == str(caught.value)


def test_an_error_names_no_trace_if_there_is_none(lab):
    """
    Without tracing, an error is as it always was.
    """
    lab.serve(Shop(error=ApplicationError(Status.NOT_FOUND, "no such item")))

    with pytest.raises(CallError) as caught:
        lab.run(lab.client(Shop).get(7))

    assert "NOT_FOUND: no such item" == str(caught.value)


def test_a_stream_is_recorded_to_its_end(lab, recorded):
    """
    The spans of a stream end with it, not with its beginning.
    """
    lab.serve(Kitchen(lab.clock), sets=(TRACING,))

    async def read():
        return [each async for each in lab.consumer(TRACING).application.client(Kitchen).stream()]

    lab.run(read())

    assert [
        "CLIENT demo.Kitchen/stream OK",
        "  CLIENT demo.Kitchen/stream attempt 1 OK",
        "    SERVER demo.Kitchen/stream OK",
    ] == recorded.tree()
    assert all(each.end_time - each.start_time >= 1e9 for each in recorded.spans)


def test_how_a_stream_fails_is_recorded(lab, recorded):
    """
    A stream that breaks off ends its spans with its status.
    """
    lab.serve(Shop(error=ApplicationError(Status.DATA_LOSS, "lost")), sets=(TRACING,))
    client = lab.consumer(TRACING).application.client(Shop)

    async def read():
        return [each async for each in client.all(2)]

    with pytest.raises(CallError, match="lost"):
        lab.run(read())

    assert [
        "CLIENT demo.Shop/all DATA_LOSS",
        "  CLIENT demo.Shop/all attempt 1 DATA_LOSS",
        "    SERVER demo.Shop/all DATA_LOSS",
    ] == recorded.tree()


def test_a_call_belongs_to_the_span_of_its_program(lab, recorded):
    """
    A span that the program has begun is the parent of the calls made in it.
    """
    lab.serve(Shop(), sets=(TRACING,))
    client = lab.consumer(TRACING).application.client(Shop)

    async def shopping():
        with tracer.start_as_current_span("shopping"):
            await client.get(7)

    lab.run(shopping())

    assert ["INTERNAL shopping", "  CLIENT demo.Shop/get OK"] == recorded.tree()[:2]


def test_a_call_may_name_its_trace(lab, recorded):
    """
    A program that has a trace of its own passes it on as metadata.
    """
    lab.serve(Shop(), sets=(TRACING,))
    client = rpcfw.with_options(
        lab.consumer(TRACING).application.client(Shop),
        metadata={"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "bank=1"},
    )

    lab.run(client.get(7))

    assert {TRACE} == {f"{each.context.trace_id:032x}" for each in recorded.spans}
    assert SPAN in {f"{each.parent.span_id:016x}" for each in recorded.spans}
    assert {"1"} == {each.context.trace_state["bank"] for each in recorded.spans}


@pytest.mark.parametrize("text", ["", "00", f"00-{TRACE}-{'0' * 16}-01", "x" * 5000])
def test_a_malformed_trace_is_ignored(lab, recorded, text):
    """
    What a peer sends in place of a trace does no harm: a new one begins.
    """
    shop = Shop()
    lab.serve(shop, sets=(TRACING,))
    client = rpcfw.with_options(lab.client(Shop), metadata={"traceparent": text})

    assert "item 7" == lab.run(client.get(7))

    assert ["SERVER demo.Shop/get OK"] == recorded.tree()
    assert recorded.spans[0].parent is None


def test_what_is_not_sampled_is_recorded_nowhere(lab, recorded):
    """
    Who begins a trace decides: whom it calls does not record it either.
    """
    shop, front = Shop(refusals=1), Front()
    lab.serve(shop, sets=(TRACING,))
    front.shop = lab.serve(front, sets=(TRACING,)).application.client(Shop)
    client = lab.consumer(TRACING, NONE).application.client(Front)

    assert "item 7" == lab.run(client.buy(7))

    assert [] == recorded.spans
    parents = [each.get("traceparent") for each in shop.metadata]
    assert all(each.endswith("-00") for each in parents)
    assert 1 == len(set(parents))


def test_nothing_is_begun_in_a_call_that_is_not_sampled(lab, recorded):
    """
    Other instrumentations find that the trace is not recorded, and begin none of their own.
    """

    class Cook(Service, name="demo.Cook"):
        @method
        async def dish(self) -> str:
            with tracer.start_as_current_span("cooking"):
                return "soup"

    lab.serve(Cook(), sets=(TRACING, NONE))
    lab.run(lab.client(Cook).dish())

    assert [] == recorded.spans


def test_a_peer_may_not_have_more_recorded_than_the_limit(lab, recorded):
    """
    A peer that wants each of its calls recorded gets as many as `max_rate` says.
    """
    lab.serve(Shop(), sets=(TRACING, "tracing.max_rate=2/s"))
    client = rpcfw.with_options(lab.client(Shop), metadata={"traceparent": f"00-{TRACE}-{SPAN}-01"})

    async def several(count):
        for _ in range(count):
            await client.get(7)

    lab.run(several(5))
    assert 2 == len(recorded.spans)
    lab.advance(1)
    lab.run(several(5))
    assert 4 == len(recorded.spans)


class Kitchen(Service, name="demo.Kitchen"):
    """
    Notes the trace wherever code of a method may run.
    """

    def __init__(self, clock):
        self.clock = clock
        self.seen = set()

    def note(self):
        self.seen.add(trace.get_current_span().get_span_context().trace_id)
        return "noted"

    @method
    async def coroutine(self) -> str:
        self.note()
        await sleep(self.clock, 1)
        return self.note()

    @method
    def plain(self) -> str:
        return self.note()

    @method
    @inlineCallbacks
    def deferred(self) -> Deferred[str]:
        waiting = Deferred()
        self.clock.callLater(1, waiting.callback, None)
        self.note()
        yield waiting
        return self.note()

    @method
    @blocking
    def thread(self) -> str:
        return self.note()

    @method
    async def stream(self) -> AsyncIterator[str]:
        yield self.note()
        await sleep(self.clock, 1)
        yield self.note()


@pytest.mark.parametrize("name", ["coroutine", "plain", "deferred", "thread"])
def test_the_current_span_of_a_method(lab, recorded, name):
    """
    A method finds the span of its call as OpenTelemetry's current one, wherever it runs.
    """
    kitchen = Kitchen(lab.clock)
    lab.serve(kitchen, sets=(TRACING,))

    assert "noted" == lab.run(getattr(lab.client(Kitchen), name)())

    assert {recorded.spans[0].context.trace_id} == kitchen.seen


def test_the_current_span_of_a_stream(lab, recorded):
    """
    Likewise between its messages.
    """
    kitchen = Kitchen(lab.clock)
    lab.serve(kitchen, sets=(TRACING,))

    async def read():
        return [each async for each in lab.client(Kitchen).stream()]

    lab.run(read())

    assert {recorded.spans[0].context.trace_id} == kitchen.seen


def test_the_current_span_of_a_task(lab, recorded):
    """
    Tasks of asyncio that a method starts belong to its trace.
    """
    seen = []

    class Cook(Service, name="demo.Cook"):
        @method
        async def dish(self) -> str:
            async def stir():
                seen.append(trace.get_current_span().get_span_context().trace_id)

            try:
                await asyncio.gather(stir(), stir())
            except RuntimeError:  # no loop runs under Twisted's reactor
                await stir()
            return "soup"

    lab.serve(Cook(), sets=(TRACING,))
    lab.run(lab.client(Cook).dish())

    assert {recorded.spans[0].context.trace_id} == set(seen)


def test_two_calls_at_once_have_their_own_spans(lab, recorded):
    """
    A call that waits does not leave its span to another that runs meanwhile.
    """
    kitchen = Kitchen(lab.clock)
    lab.serve(kitchen, sets=(TRACING,))
    first, second = (lab.begin(lab.client(Kitchen).coroutine()) for _ in range(2))
    lab.advance(2)

    assert first.done
    assert second.done
    assert {each.context.trace_id for each in recorded.spans} == kitchen.seen
    assert 2 == len(kitchen.seen)
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize("share", ["tracing.sample=100%", NONE])
def test_baggage_arrives(lab, recorded, share):
    """
    What a program puts into OpenTelemetry's baggage is there in all that it calls.
    """
    seen = []

    class Cook(Service, name="demo.Shop"):
        @method
        async def get(self, key: int) -> str:
            seen.append(dict(baggage.get_all()))
            return "soup"

    client = chain(lab, Cook(), TRACING, share)

    async def order():
        token = otel_context.attach(baggage.set_baggage("tenant", "blue; or green"))
        try:
            return await client.buy(7)
        finally:
            otel_context.detach(token)

    lab.run(order())

    assert [{"tenant": "blue; or green"}] == seen


@pytest.mark.parametrize("text", ["=", "a", "a=1," * 70, "a=" + "b" * 9000, 'a="1'])
def test_malformed_baggage_is_ignored(lab, recorded, text, caplog):
    """
    A peer does not decide what is in the log, nor what a method finds.
    """
    seen = []

    class Cook(Service, name="demo.Cook"):
        @method
        async def dish(self) -> str:
            seen.append(dict(baggage.get_all()))
            return "soup"

    lab.serve(Cook(), sets=(TRACING,))
    client = rpcfw.with_options(
        lab.client(Cook),
        metadata={"baggage": text},
    )
    lab.run(client.dish())

    assert [{}] == seen
    assert not caplog.records


class Chatty(Service, name="demo.Chatty"):
    """
    Logs what it does, wherever it does it.
    """

    log = Logger()

    @method
    async def coroutine(self) -> str:
        self.log.info("cooking")
        return "soup"

    @method
    @blocking
    def thread(self) -> str:
        self.log.info("cooking")
        return "soup"

    @method
    async def broken(self) -> str:
        raise ValueError("burnt")


@pytest.fixture
def lines():
    """
    What the log of a process would show.
    """
    stream, about = StringIO(), re.compile("cooking|burnt")
    observer = OneLineObserver(stream)
    globalLogPublisher.addObserver(observer)
    yield lambda: [line for line in stream.getvalue().split("\n") if about.search(line)]
    globalLogPublisher.removeObserver(observer)


@pytest.mark.parametrize("name", ["coroutine", "thread"])
def test_log_lines_name_the_trace(lab, recorded, lines, name):
    """
    What a method logs can be found from its trace, and the other way round.
    """
    lab.serve(Chatty(), sets=(TRACING,))
    lab.run(getattr(lab.client(Chatty), name)())

    (line,) = lines()
    assert line.endswith(f"cooking (trace {recorded.spans[0].context.trace_id:032x})")


def test_an_unexpected_error_in_the_log_names_the_trace(lab, recorded, lines):
    """
    The line about a method that has failed has the trace of its call.
    """
    lab.serve(Chatty(), sets=(TRACING,))

    with pytest.raises(CallError, match=r"ValueError in demo\.Chatty"):
        lab.run(lab.client(Chatty).broken())
    lab.errors.flush(ValueError)

    (line,) = lines()
    assert line.endswith(f"(trace {recorded.spans[0].context.trace_id:032x})")


def test_log_lines_name_no_trace_that_is_not_recorded(lab, recorded, lines):
    """
    Nobody could look it up.
    """
    lab.serve(Chatty(), sets=(TRACING, NONE))
    lab.run(lab.client(Chatty).coroutine())

    (line,) = lines()
    assert line.endswith("cooking")


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo", "tri"])
def test_every_wire_carries_a_trace(lab, recorded, wire):
    """
    What is recorded, and what travels with it, does not depend on the wire.
    """
    seen = []

    class Cook(Service, name="demo.Cook"):
        @method
        async def dish(self, key: int) -> str:
            seen.append(dict(baggage.get_all()))
            return "soup"

    protocols = "native, grpc, dubbo, tri"
    sets = TRACING, f"app.protocols={protocols}", f"server.protocols={protocols}"
    lab.serve(Cook(), sets=sets)
    client = lab.consumer(*sets, f"client.protocols={wire}").application.client(Cook)

    async def order():
        token = otel_context.attach(baggage.set_baggage("tenant", "blue"))
        try:
            for _ in range(3):
                await rpcfw.with_options(client, metadata={"tracestate": "x=1"}).dish(7)
        finally:
            otel_context.detach(token)

    lab.run(order())

    tree = [
        "CLIENT demo.Cook/dish OK",
        "  CLIENT demo.Cook/dish attempt 1 OK",
        "    SERVER demo.Cook/dish OK",
    ]
    assert 3 * tree == recorded.tree()
    assert 3 * [{"tenant": "blue"}] == seen


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo", "tri"])
def test_a_peer_that_records_nothing_is_not_disturbed(lab, recorded, wire):
    """
    A server without tracing answers a client with it, and the other way round.
    """
    protocols = "native, grpc, dubbo, tri"
    wires = f"app.protocols={protocols}", f"server.protocols={protocols}"
    lab.serve(Shop(), sets=wires)
    lab.serve(Kitchen(lab.clock), sets=(*wires, TRACING))
    consumer = lab.consumer(*wires, TRACING, f"client.protocols={wire}").application

    assert "item 7" == lab.run(consumer.client(Shop).get(7))
    assert [
        "CLIENT demo.Shop/get OK",
        "  CLIENT demo.Shop/get attempt 1 OK",
    ] == recorded.tree()

    plain = lab.consumer(*wires, f"client.protocols={wire}").application
    assert "noted" == lab.run(plain.client(Kitchen).plain())
    assert "SERVER demo.Kitchen/plain OK" == recorded.tree()[-1]


def test_a_hedged_call_is_one_trace(lab, recorded):
    """
    Attempts that run beside each other are children of one call; the one that lost is cancelled.
    """

    class Slow(Service, name="demo.Slow"):
        def __init__(self, clock, delay_s):
            self.clock = clock
            self.delay_s = delay_s

        @method(idempotent=True)
        async def get(self) -> str:
            await sleep(self.clock, self.delay_s)
            return "done"

    for number in range(2):
        lab.serve(Slow(lab.clock, 1.0), name=f"slow-{number}", sets=(TRACING,))
    sets = TRACING, "attempts.plugin=hedge", "attempts.delay=100ms"
    client = lab.consumer(*sets).application.client(Slow)

    assert "done" == lab.run(client.get())
    lab.advance(5)

    attempts = [each for each in recorded.spans if "rpcfw.attempt.number" in each.attributes]
    assert [(1, "OK"), (2, "CANCELLED")] == [
        (each.attributes["rpcfw.attempt.number"], each.attributes["rpc.response.status_code"])
        for each in attempts
    ]
    assert "beside another" == attempts[1].attributes["rpcfw.attempt.reason"]
    assert 1 == len({each.parent.span_id for each in attempts})


def test_calls_pass_without_tracing_filters(lab, recorded):
    """
    Without `[tracing] plugin` no stack has a filter for it.
    """
    consumer = lab.consumer(name="plain").application
    consumer.client(Shop)
    traced = lab.consumer(TRACING).application
    traced.client(Shop)

    stacks = [each.clients[0].stack.describe() for each in (consumer, traced)]
    assert ["TRACING: (empty)" in each for each in stacks] == [True, False]
