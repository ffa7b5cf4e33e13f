"""
The access log and the lines about slow calls, of whole systems.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from google.protobuf.wrappers_pb2 import Int64Value as Number
from twisted.logger import globalLogPublisher

from rpcfw import ApplicationError, CallError, Service, Status, method
from rpcfw.errors import Overloaded
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.method import Shape
from tests.lab.services import Greeter, Kinds

WIRES = ["native", "grpc", "dubbo"]


def logged(path):
    """
    Return the lines of a log in JSON.
    """
    return [json.loads(line) for line in path.read_text().splitlines()]


class Notices(Service, name="demo.Notices"):
    """
    Nobody awaits its answers.
    """

    @method(one_way=True)
    async def note(self, text: str) -> None:
        pass


class NewerGreeter(Service, name="demo.Greeter"):
    """
    Has a method that the other one does not have.
    """

    @method
    async def wave(self, name: str) -> str:
        return name


class Refusing(Filter):
    """
    Refuses every call.
    """

    async def apply(self, call, proceed):
        raise Overloaded("enough")


class World:
    """
    A provider and a consumer that log their calls.
    """

    def __init__(self, lab, folder, wire="native", *sets, served=()):
        self.lab = lab
        self.greeter = Greeter("a", lab.clock)
        self.served, self.made = folder / "served.log", folder / "made.log"
        shared = ("access_log.format=json", *sets)
        services = [self.greeter, Notices()]
        if wire != "dubbo":
            services.append(Kinds(lab.clock))  # it streams
        self.provider = lab.serve(
            *services,
            name="a",
            sets=(f"access_log.file={self.served}", f"server.protocols={wire}", *shared, *served),
        )
        self.consumer = lab.consumer(
            f"access_log.file={self.made}",
            "access_log.sides=client",
            f"client.protocols={wire}",
            "client.timeout=5s",
            *shared,
        )
        self.client = self.consumer.application.client(Greeter)

    def lines(self):
        """
        Stop both, and return what they have logged.
        """
        self.lab.stop(self.consumer)
        self.lab.stop(self.provider)
        return logged(self.made), logged(self.served)


@pytest.mark.parametrize("wire", WIRES)
def test_one_line_a_call(lab, tmp_path, wire):
    """
    Each call has a line at either side, on each wire, and a stop loses none.
    """
    world = World(lab, tmp_path, wire)
    assert "hello bob" == lab.run(world.client.say("bob"))
    with pytest.raises(CallError):
        lab.run(world.client.slow(10.0, timeout=0.5))
    world.greeter.error = ApplicationError(Status.NOT_FOUND, "a disk is full")
    with pytest.raises(CallError):
        lab.run(world.client.who())
    made, served = world.lines()
    for lines in made, served:
        assert ["say", "slow", "who"] == [line["method"] for line in lines]
        assert ["OK", "DEADLINE_EXCEEDED", "NOT_FOUND"] == [line["status"] for line in lines]
        assert {"demo.Greeter"} == {line["service"] for line in lines}
        assert "a disk is full" in lines[2]["message"]
        assert all(line["call"] for line in lines[1:])
    assert {"client"} == {line["side"] for line in made}
    assert {"server"} == {line["side"] for line in served}
    assert 500 == pytest.approx(made[1]["took_ms"], abs=20)
    requests = [[line["request_bytes"] for line in lines] for lines in (made, served)]
    assert requests[0] == requests[1]
    assert made[0]["response_bytes"] == served[0]["response_bytes"]
    assert {"attempts": 1}.items() <= made[0].items()


def test_numbers_lead_to_the_recent_calls(lab, tmp_path):
    """
    The number of a failed call in the log is that under which the process shows it.
    """
    world = World(lab, tmp_path)
    world.greeter.error = ApplicationError(Status.NOT_FOUND, "gone")
    with pytest.raises(CallError):
        lab.run(world.client.who())
    shown = [
        process.application.runtime.plugin_context.recent_calls.all()[0].number
        for process in (world.consumer, world.provider)
    ]
    made, served = world.lines()
    assert shown == [made[0]["call"], served[0]["call"]]


@pytest.mark.parametrize("wire", WIRES)
def test_where_the_time_went(lab, tmp_path, wire):
    """
    The line of a slow call says in which phases its time was spent.
    """
    world = World(lab, tmp_path, wire)
    lab.run(world.client.slow(2.0))
    made, served = world.lines()
    assert made[0]["slow"]
    assert served[0]["slow"]
    assert 2000 == pytest.approx(made[0]["phases_ms"]["on the wire"], abs=50)
    assert 2000 == pytest.approx(served[0]["phases_ms"]["method"], abs=50)


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_a_stream_has_one_line(lab, tmp_path, wire):
    """
    A streaming call is logged when it has ended, however many messages it had.
    """
    world = World(lab, tmp_path, wire)

    async def read():
        client = world.consumer.application.caller(Kinds.up)
        return [each async for each in client(3)]

    assert 3 == len(lab.run(read()))
    made, served = world.lines()
    assert [("up", "OK")] == [(line["method"], line["status"]) for line in made]
    assert [("up", "OK")] == [(line["method"], line["status"]) for line in served]


STREAMING = ["native", "grpc", "tri"]


def numbers(shape):
    """
    Mark a method whose messages are numbers in Protobuf, which all these wires can stream.
    """
    return method(shape=shape, request_type=Number, response_type=Number, codec="protobuf")


class Pausing(Service, name="demo.Pausing"):
    """
    Streams, with pauses: 0.5 s before the first message, 0.25 s after each.
    """

    def __init__(self, clock=None):
        self.clock = clock

    @numbers(Shape.SERVER_STREAM)
    async def up(self, count):
        await sleep(self.clock, 0.5)
        for number in range(count.value):
            yield Number(value=number)
            await sleep(self.clock, 0.25)

    @numbers(Shape.CLIENT_STREAM)
    async def total(self, numbers):
        await sleep(self.clock, 0.5)
        return Number(value=sum([number.value async for number in numbers]))

    @numbers(Shape.BIDI_STREAM)
    async def double(self, numbers):
        async for number in numbers:
            if number.value > 3:
                raise ApplicationError(Status.OUT_OF_RANGE, "too much")
            yield number
            yield number


def of(*values):
    return [Number(value=value) for value in values]


def streamed(lab, folder, wire, use):
    """
    Return what both sides have logged of the streams that ``use(application)`` makes.
    """
    served, made = folder / "served.log", folder / "made.log"
    sets = ("access_log.format=json", "access_log.slow_after=none")
    provider = lab.serve(
        Pausing(lab.clock),
        name="a",
        sets=(f"access_log.file={served}", f"server.protocols={wire}", *sets),
    )
    consumer = lab.consumer(
        f"access_log.file={made}", "access_log.sides=client", f"client.protocols={wire}", *sets
    )
    lab.run(use(consumer.application))
    lab.stop(consumer)
    lab.stop(provider)
    return logged(made), logged(served)


@pytest.mark.parametrize("wire", STREAMING)
def test_messages_of_a_stream_are_counted(lab, tmp_path, wire):
    """
    The line of a stream has the number of its messages each way, in every kind of stream.
    """

    async def use(application):
        client = application.client(Pausing)
        assert of(0, 1, 2) == [each async for each in client.up(Number(value=3))]
        assert Number(value=3) == await client.total(of(1, 2))
        with pytest.raises(CallError, match="too much"):
            async for _ in client.double(of(1, 2, 4)):
                pass

    for lines in streamed(lab, tmp_path, wire, use):
        assert [
            ("up", "OK", 1, 3),
            ("total", "OK", 2, 1),
            ("double", "OUT_OF_RANGE", 3, 4),
        ] == [
            (line["method"], line["status"], line["request_messages"], line["response_messages"])
            for line in lines
        ]


@pytest.mark.parametrize("wire", STREAMING)
def test_where_the_time_of_a_stream_went(lab, tmp_path, wire):
    """
    The line of a stream names the time to its first message, and the time of its messages.

    It does so though the stream has not failed. With the other phases that is all of its time.
    """

    async def use(application):
        client = application.client(Pausing)
        assert 3 == len([each async for each in client.up(Number(value=3))])
        assert Number(value=3) == await client.total(of(1, 2))

    made, served = streamed(lab, tmp_path, wire, use)

    for up in made[0], served[0]:
        phases = up["phases_ms"]
        assert 500 == pytest.approx(phases["first message"], abs=20)
        assert 750 == pytest.approx(phases["messages"], abs=20)
        assert up["took_ms"] == pytest.approx(sum(phases.values()), abs=1)
        assert "call" not in up  # it is not among the recent calls
    assert 500 == pytest.approx(made[1]["phases_ms"]["first message"], abs=20)
    assert 500 == pytest.approx(served[1]["phases_ms"]["method"], abs=20)


def test_a_stream_without_a_message(lab, tmp_path):
    """
    All its time was the wait for the first message.
    """

    async def use(application):
        assert [] == [each async for each in application.client(Pausing).up(Number())]

    for (up,) in streamed(lab, tmp_path, "native", use):
        assert 500 == pytest.approx(up["phases_ms"]["first message"], abs=20)
        assert "messages" not in up["phases_ms"]
        assert "response_messages" not in up


def test_a_stream_that_is_given_up_by_a_stop(lab, tmp_path):
    """
    Its line has the messages that there were until then.
    """
    served = tmp_path / "served.log"
    provider = lab.serve(
        Pausing(lab.clock),
        name="a",
        sets=(
            f"access_log.file={served}",
            "access_log.format=json",
            "server.drain_timeout=1s",
        ),
    )
    consumer = lab.consumer()

    async def read():
        client = consumer.application.client(Pausing)
        return [each async for each in client.up(Number(value=1000))]

    reading = lab.begin(read())
    lab.advance(1)
    lab.stop(provider)
    with pytest.raises(CallError):
        lab.finish(reading)
    (line,) = logged(served)
    assert 1 == line["request_messages"]
    assert 3 <= line["response_messages"] < 20
    assert 500 == pytest.approx(line["phases_ms"]["first message"], abs=20)


def test_a_sample(lab, tmp_path):
    """
    Of calls that succeed in time a share is logged; those that fail or are slow all are.
    """
    world = World(lab, tmp_path, "native", "access_log.sample=0%")
    for _ in range(10):
        lab.run(world.client.say("bob"))
    lab.run(world.client.slow(1.5))
    world.greeter.error = ApplicationError(Status.NOT_FOUND, "gone")
    with pytest.raises(CallError):
        lab.run(world.client.who())
    made, served = world.lines()
    assert ["slow", "who"] == [line["method"] for line in made]
    assert ["slow", "who"] == [line["method"] for line in served]


def test_by_status(lab, tmp_path):
    """
    Of a small sample only the calls that end in the named way are logged in any case.
    """
    world = World(
        lab, tmp_path, "native", "access_log.sample=0%", "access_log.always=DEADLINE_EXCEEDED"
    )
    lab.run(world.client.slow(1.5))
    world.greeter.error = ApplicationError(Status.NOT_FOUND, "gone")
    for call in world.client.who(), world.client.slow(9.0, timeout=0.1):
        with pytest.raises(CallError):
            lab.run(call)
    made, served = world.lines()
    assert ["DEADLINE_EXCEEDED"] == [line["status"] for line in made]
    assert ["DEADLINE_EXCEEDED"] == [line["status"] for line in served]


def test_the_place_can_be_left_empty(lab, tmp_path):
    """
    A server without its ACCESS_LOG filter logs nothing, and serves.
    """
    world = World(lab, tmp_path, "native", "server.remove=ACCESS_LOG")
    lab.run(world.client.say("bob"))
    made, served = world.lines()
    assert (1, []) == (len(made), served)


def test_a_file_that_cannot_be_written(lab, tmp_path):
    """
    Calls are served and made while the log cannot be written; lost lines are counted.
    """
    folder = tmp_path / "logs"
    folder.mkdir()
    world = World(lab, folder)
    lab.run(world.client.say("bob"))
    lab.stop(world.consumer)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    lab.advance(2)
    assert "hello eve" == lab.run(lab.client(Greeter).say("eve"))
    lab.stop(world.provider)
    counts = world.provider.application.runtime.plugin_context.meter
    lines = {
        labels: member.value
        for family in counts
        if family.name == "rpcfw_access_log_lines_total"
        for labels, member in family
    }
    assert lines[("lost",)] >= 1


class Told:
    """
    The lines about slow calls in the log of the process.
    """

    def __init__(self):
        self.events = []

    def __call__(self, event):
        if event.get("log_namespace") == "rpcfw.slow_calls":
            self.events.append(event["log_format"].format(**event))

    def __enter__(self):
        globalLogPublisher.addObserver(self)
        return self.events

    def __exit__(self, *_):
        globalLogPublisher.removeObserver(self)


def test_the_log_of_the_process_names_slow_calls(lab):
    """
    With log_slow a slow call is one line that says where its time went; others make none.
    """
    sets = ("access_log.log_slow=yes", "access_log.sides=client, server")
    lab.serve(Greeter("a", lab.clock), name="a", sets=sets)
    client = lab.consumer(*sets, "client.timeout=2s").application.client(Greeter)
    with Told() as lines:
        lab.run(client.say("bob"))
        lab.run(client.slow(1.6))
    served, made = sorted(lines, key=lambda line: "of the client" in line)
    assert "demo.Greeter/slow to memory:a" in made
    assert "of 2 s (OK): " in made
    assert "on the wire 1.60" in made
    assert "method 1.60" in served


def test_a_blocking_method(lab, tmp_path):
    """
    A method that blocks is logged as any other.
    """
    path = tmp_path / "served.log"
    sets = (f"access_log.file={path}", "access_log.format=json")
    provider = lab.serve(Kinds(lab.clock), name="a", sets=sets)
    assert "X" == lab.run(lab.client(Kinds).blocks("x"))
    lab.stop(provider)
    assert [("blocks", "OK")] == [(line["method"], line["status"]) for line in logged(path)]


def test_a_call_that_nobody_answers(lab, tmp_path):
    """
    A one-way call has its line at either side.
    """
    world = World(lab, tmp_path)
    world.lab.run(world.consumer.application.client(Notices).note("x"))
    world.lab.advance(0.1)
    made, served = world.lines()
    assert [("note", "OK")] == [(line["method"], line["status"]) for line in made]
    assert [("note", "OK")] == [(line["method"], line["status"]) for line in served]


def test_a_method_that_nobody_serves(lab, tmp_path):
    """
    The server logs a request of a method that it does not have, and does not number it.
    """
    world = World(lab, tmp_path, "native", "retry.plugin=never")
    with pytest.raises(CallError):
        lab.run(world.consumer.application.client(NewerGreeter).wave("bob"))
    _, (line,) = world.lines()
    assert ("demo.Greeter", "wave", "UNIMPLEMENTED") == (
        line["service"],
        line["method"],
        line["status"],
    )
    assert "call" not in line
    assert not world.provider.application.runtime.plugin_context.recent_calls.all()


def test_a_stop_that_gives_up_calls(lab, tmp_path):
    """
    A call that a stop of the server has ended has its line, with the status that its caller got.
    """
    world = World(lab, tmp_path, "native", "server.drain_timeout=1s", "client.timeout=100s")
    calling = lab.begin(world.client.slow_write(50.0))
    lab.advance(0.1)
    lab.stop(world.provider)
    with pytest.raises(CallError):
        lab.finish(calling)
    (line,) = logged(world.served)
    assert ("slow_write", "CANCELLED") == (line["method"], line["status"])


def test_a_wait_for_a_connection(lab, tmp_path):
    """
    A first call that waits for its connection says so, though it is in the slow path of a client.
    """
    world = World(lab, tmp_path)
    lab.cut_off(world.provider)
    calling = lab.begin(world.client.say("bob"))
    lab.advance(2.0)
    lab.reconnect(world.provider)
    lab.until(lambda: calling.done)
    (line,), _ = world.lines()
    assert line["slow"]
    assert line["phases_ms"]["connect"] >= 1990


def test_attempts_are_counted(lab, tmp_path):
    """
    A call that was repeated says how often, and at whom it ended.
    """
    world = World(lab, tmp_path, "native", "retry.statuses=NOT_FOUND")
    world.greeter.error = ApplicationError(Status.NOT_FOUND, "gone")
    with pytest.raises(CallError):
        lab.run(world.client.who())
    made, served = world.lines()
    assert len(served) == made[0]["attempts"]
    assert "memory:a" in made[0]["peer"]


def test_a_refusal_of_a_filter(lab, tmp_path):
    """
    A call that a filter of the server refuses has a line.
    """
    world = World(
        lab,
        tmp_path,
        "native",
        "plugins.filters.no=tests.lab.test_access_log:Refusing",
        "retry.plugin=never",
        served=("server.insert=no after ADMISSION",),
    )
    with pytest.raises(CallError):
        lab.run(world.client.say("bob"))
    _, (line,) = world.lines()
    assert ("RESOURCE_EXHAUSTED", "enough") == (line["status"], line["message"])


class Breaking(Service, name="demo.Breaking"):
    """
    Fails in the middle of a stream.
    """

    @method
    async def up(self, count: int) -> AsyncIterator[int]:
        for number in range(count):
            yield number
        raise ApplicationError(Status.DATA_LOSS, "the rest is gone")


def test_a_stream_that_fails(lab, tmp_path):
    """
    A stream that fails after some messages has one line, with the reason.
    """
    path, made = tmp_path / "served.log", tmp_path / "made.log"
    json_lines = "access_log.format=json"
    provider = lab.serve(Breaking(), name="a", sets=(f"access_log.file={path}", json_lines))
    sets = (f"access_log.file={made}", json_lines, "access_log.sides=client")
    consumer = lab.consumer(*sets)

    async def read():
        return [each async for each in consumer.application.caller(Breaking.up)(3)]

    with pytest.raises(CallError):
        lab.run(read())
    lab.stop(consumer)
    lab.stop(provider)
    assert ["DATA_LOSS"] == [line["status"] for line in logged(made)]
    assert [("DATA_LOSS", "the rest is gone")] == [
        (line["status"], line["message"]) for line in logged(path)
    ]
