"""
Requests whose head stands in their body: what is decoded, when, and what comes of it.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator

import pytest

from rpcfw import CallError, Service, context, method
from rpcfw.errors import Overloaded
from rpcfw.server.calls.in_flight_call import InFlightCall
from rpcfw.server.calls.thread_pool import BlockingThreads
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint, Status
from rpcfw.values.method import Method, Shape
from tests.lab import body_wire
from tests.lab.body_wire import LARGE_BYTES, bodies_decoded, parts_of
from tests.lab.filters import Seen, Stamp

WIRE = (
    "plugins.protocols.body=tests.lab.body_wire:BodyProtocol",
    "plugins.codecs.parts=tests.lab.body_wire:PartsCodec",
    "app.codecs=json, raw, parts",
)
SERVER = (*WIRE, "server.protocols=body")
CLIENT = (*WIRE, "client.protocols=body")


class Desk(Service, name="demo.Desk"):
    """
    Tells what it knows of its calls.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.seen = []

    @method
    async def tell(self, text: str) -> str:
        call = context()
        self.seen.append((call.method, call.caller, call.metadata.get("kind", "")))
        return text.upper()

    @method
    async def wait(self, seconds: float, text: str = "") -> str:
        self.seen.append("begun")
        await sleep(self.clock, seconds)
        return "done"

    @method(codec="parts")
    async def parts(self, numbers: list[int], text: str) -> int:
        return sum(numbers) + len(text)

    @method(one_way=True)
    async def note(self, text: str) -> None:
        self.seen.append(text)

    @method
    async def count(self, to: int) -> AsyncIterator[int]:
        yield to


class Gate(Filter):
    """
    An admission that needs no head; it may be shut.
    """

    needs_head = False
    shut = False
    seen: list = []  # noqa: RUF012 - shared, so that the test sees it

    async def apply(self, call, proceed):
        self.seen.append((call.method.path, call.peer != "", len(bodies_decoded)))
        if type(self).shut:
            raise Overloaded("the gate is shut")
        response = await proceed(call)
        self.seen.append(("after", call.method.path))
        return response


@pytest.fixture(autouse=True)
def fresh():
    """
    Begin with nothing noted.
    """
    bodies_decoded.clear()
    Gate.seen.clear()
    Gate.shut = Plain.shut = False
    Seen.notes.clear()


GATE = ("plugins.filters.gate=tests.lab.test_undecoded:Gate", "server.insert=gate after ADMISSION")


def desk(lab, *sets):
    """
    Serve a desk; return it, and what calls it.
    """
    service = Desk(lab.clock)
    process = lab.serve(service, sets=[*SERVER, *sets])
    consumer = lab.consumer(*CLIENT, name="consumer")
    return service, process, consumer.application.client(Desk)


def fails(lab, awaitable):
    with pytest.raises(CallError) as caught:
        lab.run(awaitable)
    return caught.value


@pytest.fixture(params=["", "a" * (LARGE_BYTES + 1)], ids=["small", "large"])
def text(request):
    """
    A text that makes a body small, or so large that a thread decodes it.
    """
    return request.param


@pytest.fixture(params=[(), GATE], ids=["", "gate"])
def gate(request):
    """
    Settings without a filter that runs before the body is decoded, and with one.
    """
    return request.param


@pytest.fixture
def apart(monkeypatch):
    """
    Note how large the bodies are that a thread reads.
    """
    sizes = []
    run = BlockingThreads.run

    def noting(self, function, arguments):
        sizes.append(len(arguments[1]))
        return run(self, function, arguments)

    monkeypatch.setattr(BlockingThreads, "run", noting)
    return sizes


def test_all_that_the_body_says(lab, text, gate):
    """
    Method, caller and metadata are those of the body, once it is decoded.
    """
    service, _, client = desk(lab, *gate)
    assert text.upper() == lab.run(client.tell(text, metadata={"kind": "test"}))

    assert [("demo.Desk/tell", "consumer", "test")] == service.seen
    assert 1 == len(bodies_decoded)


def test_where_it_is_decoded(lab, text, apart, gate):
    """
    A small body is decoded at once, a large one in the decode thread: whole, and once.
    """
    _, _, client = desk(lab, *gate)
    lab.run(client.tell(text))

    assert [len(body) for body in bodies_decoded if len(body) > LARGE_BYTES] == apart


def test_filters_see_what_was_decoded(lab, gate, text):
    """
    Filters that need the head see it, as on any other wire, and metrics count the method.
    """
    seen = "seen after AUTH"
    insert = f"server.insert={', '.join([gate[-1].partition('=')[2], seen] if gate else [seen])}"
    filters = "plugins.filters.seen=tests.lab.filters:Seen"
    _, process, client = desk(lab, *gate, filters, insert)
    lab.run(client.tell(text))

    assert ["start", "tell"] == Seen.notes[:2]
    calls = process.application.server.stack.metrics.calls
    assert (1, 1, 0) == (calls.started, calls.succeeded, calls.failed)


def test_filters_that_are_replaced(lab, gate, text):
    """
    Requests that come after a replacement of a filter's options go through the new one.
    """
    inserts = [*(each.partition("=")[2] for each in gate[-1:]), "stamp after AUTH"]
    insert = f"server.insert={', '.join(inserts)}"
    _, process, client = desk(lab, *gate, "plugins.filters.stamp=tests.lab.filters:Stamp", insert)
    lab.run(client.tell(text))
    Stamp.notes.clear()
    lab.run(process.application.policies.replace("filter stamp", {"text": "new"}))
    lab.run(client.tell(text))
    assert ("new", "end") in Stamp.notes
    assert ("old", "end") not in Stamp.notes


def test_admission_comes_before_the_body(lab, text):
    """
    A filter that needs no head runs first, and what it refuses is never decoded.
    """
    _, _, client = desk(lab, *GATE)
    lab.run(client.tell(text))
    Gate.shut = True
    error = fails(lab, client.tell(text))

    before, after, *refused = Gate.seen
    assert ("(undecoded)/", True, 0) == before
    assert ("after", "demo.Desk/tell") == after
    assert {("(undecoded)/", True, 1)} == set(refused)
    assert 1 == len(bodies_decoded)
    assert (Status.RESOURCE_EXHAUSTED, "the gate is shut") == (error.status, error.message)


class Plain(Gate):
    """
    A gate that is no coroutine function.
    """

    def apply(self, call, proceed):
        if type(self).shut:
            raise ValueError("a bug")
        return proceed(call)


def test_a_bug_in_a_plain_admission_is_that_calls_alone(lab, text):
    """
    What such a filter raises fails one call; others on the connection go on.
    """
    gate = GATE[0].replace("Gate", "Plain"), GATE[1]
    _, process, client = desk(lab, *gate)
    waiting = lab.begin(client.wait(1.0))
    lab.advance(0.1)
    Plain.shut = True
    assert "ValueError" in str(fails(lab, client.tell(text)))
    assert [ValueError] == [type(error) for error in lab.errors.flush(ValueError)]
    assert 1 == process.application.server.in_flight
    assert "done" == lab.finish(waiting)


def test_what_admission_refuses_is_freed_at_once(lab, text):
    """
    Requests that are refused are freed as their calls end, without the garbage collector.
    """
    _, _, client = desk(lab, *GATE)
    lab.run(client.tell(text))
    Gate.shut = True

    def in_memory():
        return sum(type(one) is InFlightCall for one in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = in_memory()
        fails(lab, client.tell(text))
        assert before == in_memory()
    finally:
        gc.enable()


def test_other_wires_run_the_same_filter_in_its_place(lab):
    """
    Where the head is known first, it makes no difference whether a filter needs it.
    """
    service = Desk(lab.clock)
    lab.serve(service, sets=[*WIRE, *GATE, "server.protocols=native"])
    lab.run(lab.consumer(*WIRE).application.client(Desk).tell("a"))

    assert ["demo.Desk/tell", "after"] == [each[0] for each in Gate.seen]


def test_a_server_that_stops_decodes_nothing(lab, text, gate):
    """
    It refuses such requests, as all others, for what its state is.
    """
    _, process, client = desk(lab, *gate)
    lab.run(client.tell(""))
    bodies_decoded.clear()
    # A request may come before its client has been told of the stop.
    process.application.server._acceptor.drain()  # noqa: SLF001
    error = fails(lab, client.tell(text))

    assert Status.UNAVAILABLE is error.status
    assert error.hints & Hint.NOT_BEGUN
    assert [] == bodies_decoded


def test_a_full_decode_queue(lab, monkeypatch):
    """
    What would wait too long to be decoded is refused, and nothing of it was begun.
    """
    _, process, client = desk(lab)
    threads = process.application.server._decode_thread.threads  # noqa: SLF001
    monkeypatch.setattr(threads, "_queue", -1)
    error = fails(lab, client.tell("a" * (LARGE_BYTES + 1)))

    assert Status.RESOURCE_EXHAUSTED is error.status
    assert error.hints & Hint.NOT_BEGUN
    assert "requests wait to be read" in error.message
    assert [] == bodies_decoded
    assert "A" == lab.run(client.tell("a"))


def test_a_body_that_cannot_be_decoded(lab, monkeypatch, gate, text):
    """
    Its caller is told so with the status that its wire has for that; the rest goes on.
    """
    service, _, client = desk(lab, *gate)
    monkeypatch.setattr(body_wire, "parts_of", lambda body: parts_of(body[1:]))
    error = fails(lab, client.tell(text))
    monkeypatch.undo()

    assert Status.INVALID_ARGUMENT is error.status
    assert "the request cannot be read" in error.message
    assert [] == service.seen
    assert "A" == lab.run(client.tell("a"))


WRONG = [
    ("demo.Desk", "leave", Shape.UNARY, "json", "has no method 'leave'"),
    ("demo.Shop", "tell", Shape.UNARY, "json", "the service 'demo.Shop' is not served"),
    ("demo.Desk", "count", Shape.UNARY, "json", "demo.Desk/count streams"),
    ("demo.Desk", "tell", Shape.UNARY, "raw", "raw"),
]


@pytest.mark.parametrize(("service", "name", "shape", "codec", "expected"), WRONG)
def test_what_is_not_served(lab, gate, text, service, name, shape, codec, expected):
    """
    What the body asks for may not be here: that is UNIMPLEMENTED, and nothing was begun.
    """
    desk(lab, *gate)
    channel = lab.consumer(*CLIENT).application.channel("demo.Desk")
    types = (bytes, bytes) if codec == "raw" else (dict, dict)
    request = text.encode() if codec == "raw" else {"text": text}
    error = fails(lab, channel.call(Method(service, name, shape, *types, codec), request))

    assert Status.UNIMPLEMENTED is error.status
    assert error.hints & Hint.NOT_BEGUN
    assert expected in error.message


def test_the_deadline_in_the_body(lab, text, gate):
    """
    The time limit that only the body says holds, counted from when the request came.
    """
    service, _, client = desk(lab, *gate)
    began = lab.clock.seconds()
    error = fails(lab, client.wait(50.0, text, timeout="2s"))
    assert Status.DEADLINE_EXCEEDED is error.status
    assert lab.clock.seconds() - began < 2.5
    lab.advance(0.5)

    assert ["begun"] == service.seen


def test_the_servers_own_limit(lab, text, gate):
    """
    A call whose caller names no limit ends at the server's.
    """
    _, _, client = desk(lab, "server.max_timeout=3s", *gate)
    began = lab.clock.seconds()
    error = fails(lab, client.wait(50.0, text, timeout="none"))

    assert Status.DEADLINE_EXCEEDED is error.status
    assert 2.5 < lab.clock.seconds() - began < 3.5


def test_a_caller_that_gives_up(lab, text, gate):
    """
    Nothing is left of a call that its caller cancels, be it decoded or not.
    """
    service, process, client = desk(lab, *gate)
    running = lab.begin(client.wait(50.0, text))
    lab.until(lambda: service.seen)
    running.cancel()
    lab.advance(1)

    assert 0 == process.application.server.in_flight


def test_one_way(lab, text, gate):
    """
    Nobody is answered where nobody waits.
    """
    service, _, client = desk(lab, *gate)
    lab.run(client.note(text))
    lab.until(lambda: service.seen)

    assert [text] == service.seen


def test_a_message_that_was_parsed_with_its_head(lab, text, gate):
    """
    A codec of the wire's own plugin makes the message of what the wire has parsed.
    """
    _, _, client = desk(lab, *gate)

    assert 6 + len(text) == lab.run(client.parts([1, 2, 3], text))
