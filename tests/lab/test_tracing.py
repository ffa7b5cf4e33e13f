"""
Traces of whole systems: what is recorded of calls, attempts, and what they lead to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, StatusCode
from twisted.logger import capturedLogs, formatEvent

import rpcfw
from rpcfw import ApplicationError, CallError, Service, Status, method
from rpcfw.spi.runtime.waiting import CANCELLED, sleep
from tests.lab.traced_services import NONE, TRACING, Front, Kitchen, Shop, chain
from tests.spans import Recorded

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

tracer = trace.get_tracer("test")


@pytest.fixture
def recorded():
    return Recorded()


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


def test_an_error_in_a_stream_names_the_trace(lab, recorded):
    """
    Likewise if the call fails after it has begun to answer.
    """

    class Cook(Service, name="demo.Cook"):
        @method
        async def dishes(self) -> AsyncIterator[str]:
            yield "soup"
            raise ApplicationError(Status.NOT_FOUND, "no such dish")

    lab.serve(Cook(), sets=(TRACING,))
    client = lab.consumer(TRACING).application.client(Cook)

    async def read():
        return [each async for each in client.dishes()]

    with pytest.raises(CallError, match="no such dish") as caught:
        lab.run(read())

    assert f"{recorded.spans[0].context.trace_id:032x}" == caught.value.trace_id


NOT_FOUND = ApplicationError(Status.NOT_FOUND, "no such item")


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        (("attempts.plugin=failsafe",), "is hidden from its caller"),
        (("attempts.plugin=failback",), "is given up: it is an answer of the method"),
        (
            (
                "client.insert=fallback before DEADLINE",
                'filter fallback.value="nothing"',
                "filter fallback.statuses=NOT_FOUND",
            ),
            "a fallback answers",
        ),
    ],
    ids=["failsafe", "failback", "fallback"],
)
def test_what_a_client_logs_of_a_call_names_its_trace(lab, recorded, sets, said):
    """
    Also a line about a failure that its caller never gets.
    """
    lab.serve(Shop(error=NOT_FOUND), sets=(TRACING,))
    client = lab.consumer(TRACING, *sets).application.client(Shop)
    with capturedLogs() as events:
        lab.run(client.get(7))

    (event,) = (each for each in events if said in formatEvent(each))
    assert f"{recorded.spans[0].context.trace_id:032x}" == event["trace_id"]


@pytest.mark.parametrize("side", ["client", "server"])
def test_what_fails_at_the_end_of_a_stream_names_its_trace(lab, recorded, side):
    """
    The line about a filter's bug, which no caller gets.
    """
    bug = "plugins.filters.bug=tests.lab.filters:FailsAtTheEnd", f"{side}.insert=bug before USER"
    lab.serve(Shop(), sets=(TRACING, *bug * (side == "server")))
    client = lab.consumer(TRACING, *bug * (side == "client")).application.client(Shop)

    async def read():
        return [each async for each in client.all(2)]

    with capturedLogs() as events:
        assert ["item 0", "item 1"] == lab.run(read())

    lab.errors.flush(ZeroDivisionError)
    (event,) = (each for each in events if "log_failure" in each)
    assert f"{recorded.spans[0].context.trace_id:032x}" == event["trace_id"]


def test_a_retry_in_the_background_belongs_to_its_call(lab, recorded):
    """
    Its attempt is a child of the call that has ended, and what it leads to is in the same trace.
    """
    lab.serve(Shop(refusals=1), sets=(TRACING,))
    sets = "attempts.plugin=failback", "attempts.period=1s", "retry.plugin=never"
    lab.run(lab.consumer(TRACING, *sets).application.client(Shop).get(7))
    lab.advance(2)

    assert [
        "CLIENT demo.Shop/get OK",
        "  CLIENT demo.Shop/get attempt 1 UNAVAILABLE",
        "    SERVER demo.Shop/get UNAVAILABLE",
        "  CLIENT demo.Shop/get attempt 1 OK",
        "    SERVER demo.Shop/get OK",
    ] == recorded.tree()


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

    with pytest.raises(CallError, match="lost") as caught:
        lab.run(read())

    assert f"{recorded.spans[0].context.trace_id:032x}" == caught.value.trace_id
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


@pytest.mark.parametrize("wire", ["native", "grpc"])
@pytest.mark.parametrize("at", ["client", "server"])
def test_two_traces_are_none(lab, recorded, wire, at):
    """
    A call that names two traces belongs to neither: a new one begins.
    """
    sets = f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}"
    lab.serve(Shop(), sets=(TRACING, *sets))
    consumer = lab.consumer(*sets, *(TRACING,) * (at == "client"))
    client = rpcfw.with_options(
        consumer.application.client(Shop),
        metadata=[("traceparent", f"00-{each * 32}-{SPAN}-01") for each in "ab"],
    )

    assert "item 7" == lab.run(client.get(7))

    (trace_id,) = {f"{each.context.trace_id:032x}" for each in recorded.spans}
    assert trace_id not in ("a" * 32, "b" * 32)
    assert 1 == sum(each.parent is None for each in recorded.spans)


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


def test_what_is_above_the_limit_leads_to_nothing_recorded(lab, recorded):
    """
    A call that is not recorded for the limit has no calls recorded that its method makes.

    They have other parents than that of the caller, whose flag said something else (W3C Trace
    Context, section 4.3).
    """
    front, shop = Front(), Shop()
    lab.serve(shop, sets=(TRACING,))
    front.shop = lab.serve(front, sets=(TRACING, "tracing.max_rate=1/s")).application.client(Shop)
    client = rpcfw.with_options(
        lab.client(Front), metadata={"traceparent": f"00-{TRACE}-{SPAN}-01"}
    )

    async def several():
        for _ in range(3):
            await client.buy(7)

    lab.run(several())

    served = [each for each in recorded.spans if each.name == "demo.Shop/get"]
    assert 1 == len([each for each in served if each.kind is SpanKind.SERVER])
    parents = [each.get("traceparent") for each in shop.metadata]
    assert ["01", "00", "00"] == [each[-2:] for each in parents]
    assert {TRACE} == {each.split("-")[1] for each in parents}
    assert SPAN not in {each.split("-")[2] for each in parents}
    assert 3 == len({each.split("-")[2] for each in parents})


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
    system = {"native": "rpcfw", "tri": "dubbo"}.get(wire, wire)
    # A port that speaks Triple answers clients of gRPC by it.
    served = "dubbo" if wire == "grpc" else system
    assert sorted(3 * ["rpcfw", system, served]) == sorted(
        each.attributes["rpc.system.name"] for each in recorded.spans
    )


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


def test_a_trace_state_in_several_parts(lab, recorded):
    """
    What several tracing systems have added may come in several headers.
    """
    lab.serve(Shop(), sets=(TRACING,))
    parts = [("traceparent", f"00-{TRACE}-{SPAN}-01"), ("tracestate", "a=1"), ("tracestate", "b=2")]

    lab.run(rpcfw.with_options(lab.client(Shop), metadata=parts).get(7))

    assert [{"a": "1", "b": "2"}] == [dict(each.context.trace_state) for each in recorded.spans]


def test_a_method_that_does_not_heed_its_cancellation(lab, recorded, tmp_path):
    """
    Its span, its metrics and its line say what its caller got, not that it returned later.
    """

    class Stubborn(Service, name="demo.Stubborn"):
        @method
        async def go(self) -> str:
            try:
                await sleep(lab.clock, 10)
            except CANCELLED:
                return "done"
            return "late"

    path = tmp_path / "access.log"
    log = (f"access_log.file={path}", "access_log.fields=status")
    server = lab.serve(Stubborn(), sets=(TRACING, *log))

    with pytest.raises(CallError):
        lab.run(lab.client(Stubborn).go(timeout=1.0))

    assert ["SERVER demo.Stubborn/go DEADLINE_EXCEEDED"] == recorded.tree()
    context = server.application.runtime.plugin_context
    assert ["DEADLINE_EXCEEDED"] == [each.status.name for each in context.recent_calls.all()]
    (counted,) = (each for each in context.meter if each.name == "rpcfw_server_calls_total")
    assert {"DEADLINE_EXCEEDED": 1} == {
        labels[2]: counter.value for labels, counter in counted if counter.value
    }
    lab.stop(server)
    assert ["status=DEADLINE_EXCEEDED"] == path.read_text().split()
