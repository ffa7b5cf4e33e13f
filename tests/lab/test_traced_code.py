"""
Where the code of a method finds its trace: as the current span, in baggage and in the log.
"""

from __future__ import annotations

import asyncio
import re
from io import StringIO

import pytest
from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from twisted.logger import Logger, globalLogPublisher

import rpcfw
from rpcfw import CallError, Service, blocking, method
from rpcfw.kernel.log import OneLineObserver
from tests.lab.traced_services import NONE, TRACING, Kitchen, chain
from tests.spans import Recorded

tracer = trace.get_tracer("test")


@pytest.fixture
def recorded():
    return Recorded()


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

            stirring = [stir(), stir()]
            try:
                await asyncio.gather(*stirring)
            except (RuntimeError, DeprecationWarning):  # under Twisted's reactor no loop runs
                for each in stirring:
                    await each
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


@pytest.mark.parametrize("flag", ["00", "01"])
def test_baggage_goes_with_a_trace_that_the_call_names(lab, recorded, flag):
    """
    A program may name the trace of a call in its metadata, recorded or not.
    """
    seen = []

    class Shop(Service, name="demo.Shop"):
        @method
        async def get(self) -> None:
            seen.append(
                (baggage.get_baggage("tenant"), rpcfw.context().metadata.all("traceparent"))
            )

    lab.serve(Shop(), sets=(TRACING,))
    client = rpcfw.with_options(
        lab.consumer(TRACING).application.client(Shop),
        metadata={"traceparent": f"00-{'a' * 32}-{'b' * 16}-{flag}"},
    )

    async def call():
        token = otel_context.attach(baggage.set_baggage("tenant", "blue"))
        try:
            await client.get()
        finally:
            otel_context.detach(token)

    lab.run(call())

    ((tenant, (text,)),) = seen
    assert ("blue", "a" * 32) == (tenant, text[3:35])


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


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo"])
@pytest.mark.parametrize(
    "others", [(), (("traceparent", f"00-{'a' * 32}-{'b' * 16}-01"),), (("other", "1"),)]
)
def test_baggage_of_a_peer_without_tracing(lab, recorded, wire, others):
    """
    Baggage arrives whatever comes with it, also in several parts.
    """
    seen = []

    class Cook(Service, name="demo.Cook"):
        @method
        async def dish(self) -> str:
            seen.append(dict(baggage.get_all()))
            return "soup"

    lab.serve(Cook(), sets=(TRACING, f"server.protocols={wire}"))
    consumer = lab.consumer(f"client.protocols={wire}")
    parts = [("baggage", "a=1")] if wire == "dubbo" else [("baggage", "a=1"), ("baggage", "b=2")]
    client = rpcfw.with_options(consumer.application.client(Cook), metadata=[*others, *parts])
    lab.run(client.dish())

    assert [{"a": "1"} if wire == "dubbo" else {"a": "1", "b": "2"}] == seen


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
