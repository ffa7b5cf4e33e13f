"""
Nodes that die, refuse or hang, under calls that go on.
"""

from __future__ import annotations

import pytest

from rpcfw import ApplicationError, CallError, Status
from rpcfw.errors import ConnectionLost, Overloaded, Rejected
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.status import Hint
from tests.lab.filters import Sheds
from tests.lab.services import Greeter, Streams


@pytest.fixture
def three(lab):
    return [serve(lab, name) for name in "abc"]


def serve(lab, name):
    greeter = Greeter(name, lab.clock)
    greeter.process = lab.serve(greeter, name=name)
    return greeter


class Load:
    """
    Steady calls, each beside the others, until it is stopped.
    """

    def __init__(self, lab, call, every_s=0.005):
        self.results = []
        self.failed = []
        self._lab = lab
        self._call = call
        self._open = []
        self._going = True
        self._running = lab.begin(self._go(every_s))

    async def _go(self, every_s):
        while self._going:
            self._open.append(self._lab.begin(self._one()))
            await sleep(self._lab.clock, every_s)

    async def _one(self):
        try:
            self.results.append(await self._call())
        except CallError as error:
            self.failed.append(error)

    def stop(self):
        self._going = False
        self._lab.until(lambda: all(one.done for one in [self._running, *self._open]))


def test_calls_are_spread(lab, three):
    """
    Every node gets its share.
    """
    client = lab.client(Greeter)
    got = [lab.run(client.who()) for _ in range(90)]
    assert set("abc") == set(got)
    assert all(15 < got.count(name) < 50 for name in "abc")


def test_one_of_three_dies_under_load(lab, three):
    """
    No idempotent call fails when a node dies without a word, nor after.
    """
    client = lab.client(Greeter)
    load = Load(lab, lambda: client.slow(0.05))
    lab.advance(1)
    lab.kill(three[0].process)
    lab.advance(3)
    lab.forget(three[0].process)
    lab.advance(10)
    load.stop()
    assert [] == load.failed
    assert len(load.results) > 2500


def test_a_begun_write_is_never_repeated(lab, three):
    """
    A call that is not idempotent and may have been begun fails rather than run twice.
    """
    client = lab.client(Greeter)
    writing = lab.begin(client.slow_write(1))
    lab.advance(0.5)
    (begun,) = [greeter for greeter in three if greeter.begun]
    lab.kill(begun.process)
    with pytest.raises(ConnectionLost):
        lab.finish(writing)
    lab.advance(5)
    assert 1 == sum(len(greeter.begun) for greeter in three)
    lab.forget(begun.process)


def test_an_attempt_leaves_out_the_tried(lab, three):
    """
    Each attempt of a call goes to a node that it has not tried.
    """
    for greeter in three:
        greeter.error = ApplicationError(Status.UNAVAILABLE, "not here")
    consumer = lab.consumer("retry.max_attempts=3")
    with pytest.raises(CallError):
        lab.run(consumer.application.client(Greeter).who())
    assert [1, 1, 1] == [len(greeter.begun) for greeter in three]


def test_more_attempts_than_nodes(lab, three):
    """
    When every node was tried, one is tried again rather than none.
    """
    for greeter in three:
        greeter.error = ApplicationError(Status.UNAVAILABLE, "not here")
    consumer = lab.consumer("retry.max_attempts=7")
    with pytest.raises(CallError):
        lab.run(consumer.application.client(Greeter).who())
    assert 7 == sum(len(greeter.begun) for greeter in three)
    assert all(len(greeter.begun) >= 1 for greeter in three)


def test_a_withdrawn_service_is_refused_as_not_begun(lab, three):
    """
    A server that serves a service no longer has its callers go elsewhere, writes too.
    """
    client = lab.client(Greeter)
    lab.run(client.who())
    for greeter in three[:2]:
        greeter.process.application.server.methods.withdraw("demo.Greeter")
    assert ["c"] * 10 == [lab.run(client.write("x")) for _ in range(10)]
    assert [] == three[0].begun[1:]


def test_a_refused_call_says_why(lab, three):
    """
    When every server refuses, the caller gets the refusal with its promise.
    """
    client = lab.client(Greeter)
    lab.run(client.who())
    for greeter in three:
        greeter.process.application.server.methods.withdraw("demo.Greeter")
    with pytest.raises(Rejected) as caught:
        lab.run(client.write("x"))
    assert "no longer served" in caught.value.message
    assert Hint.NOT_BEGUN & caught.value.hints


def test_a_dead_address_is_left_for_others(lab, three):
    """
    A node that cannot be connected to costs no call.
    """
    lab.kill(three[0].process)
    client = lab.client(Greeter)
    assert not {"a"} & {lab.run(client.write("x")) for _ in range(20)}
    lab.forget(three[0].process)


def test_a_node_that_hangs_is_found_out(lab, three):
    """
    A node whose bytes are lost is given up after its keepalive, and used again later.
    """
    consumer = lab.consumer("connection.keepalive=2s", "connection.keepalive_timeout=1s")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.cut_off(three[0].process)
    lab.advance(5)
    assert not {"a"} & {lab.run(client.who()) for _ in range(20)}
    lab.reconnect(three[0].process)
    lab.advance(30)
    assert {"a", "b", "c"} == {lab.run(client.who()) for _ in range(40)}


def test_a_node_that_comes_back(lab, three):
    """
    A provider that is started again at its address is called again.
    """
    client = lab.client(Greeter)
    lab.run(client.who())
    lab.kill(three[0].process)
    lab.forget(three[0].process)
    lab.advance(1)
    again = Greeter("again", lab.clock)
    lab.serve(again, name="a")
    lab.advance(10)
    assert {"again", "b", "c"} == {lab.run(client.who()) for _ in range(60)}


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_overload_is_not_made_worse(lab, monkeypatch, wire):
    """
    A backend that sheds load sees a third more attempts than calls, and not at once.
    """
    monkeypatch.setattr(Sheds, "refused", [])
    wires = (f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}")
    filters = ("plugins.filters.sheds=tests.lab.filters:Sheds", "server.insert=sheds before USER")
    lab.serve(Greeter(), sets=(*wires, *filters))
    client = lab.consumer(*wires).application.client(Greeter)

    calls = [lab.begin(client.say("bob")) for _ in range(300)]
    for call in calls:
        with pytest.raises(Overloaded):
            lab.finish(call)
    first = Sheds.refused[0]

    assert 300 < len(Sheds.refused) <= 400
    assert all(0.008 <= at - first <= 0.02 for at in Sheds.refused[300:])


@pytest.mark.parametrize("kept", [0, 64])
def test_a_fixed_server_is_back_when_it_is_back(lab, kept):
    """
    After an outage of ten minutes calls succeed within about a second of the return.
    """
    process = lab.serve(Greeter("a"), name="a")
    consumer = lab.consumer(f"client.max_connected_nodes={kept}")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.kill(process)
    # Its address is all that the client ever knows, as with a registry of fixed addresses.
    lab.registry.leave()
    for _ in range(600):
        with pytest.raises(CallError):
            lab.run(client.who())
        lab.advance(1)
    lab.serve(Greeter("again"), name="a", sets=["server.announce_timeout=10ms"])
    lab.advance(1)

    assert "again" == lab.run(client.who())
    lab.registry.come_back()
    lab.forget(process)


def test_nobody_answers(lab, three):
    """
    When every node is dead a call fails soon, and says that nothing was sent.
    """
    client = lab.client(Greeter)
    lab.run(client.who())
    for greeter in three:
        lab.kill(greeter.process)
    lab.advance(0.1)
    began = lab.clock.seconds()
    with pytest.raises(CallError) as caught:
        lab.run(client.who())
    assert (Status.UNAVAILABLE, Hint.NEVER_SENT) == (caught.value.status, caught.value.hints)
    assert "no connection to memory:" in caught.value.message
    assert lab.clock.seconds() - began < 1
    for greeter in three:
        lab.forget(greeter.process)


def test_a_stream_moves_on_before_it_begins(lab):
    """
    A stream whose first node refuses begins at another; one that has begun does not move.
    """
    streams = [Streams(lab.clock) for _ in range(2)]
    processes = [lab.serve(one) for one in streams]
    consumer = lab.consumer()
    client = consumer.application.client(Streams)

    async def first(stream):
        return await stream.__anext__()

    held = [client.tick(1) for _ in range(6)]
    assert [0] * 6 == [lab.run(first(stream)) for stream in held]
    processes[0].application.server.methods.withdraw("demo.Streams")
    more = [client.tick(1) for _ in range(6)]
    assert [0] * 6 == [lab.run(first(stream)) for stream in more]
    nodes = list(consumer.application.clients[0].nodes)
    assert 12 == sum(node.in_flight for node in nodes)
    for stream in held + more:
        stream.cancel()
    lab.advance(1)
    assert [0, 0] == [node.in_flight for node in nodes]
