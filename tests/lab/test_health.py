"""
Nodes that freeze, fail from time to time, or are busy: what becomes of them, and of the calls.
"""

from __future__ import annotations

from collections import Counter

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw import ApplicationError, CallError, Status
from rpcfw.client.inspection import ClientInspection
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.node_health import NodeHealth
from tests.lab.services import Greeter

HEALTHY, SUB_HEALTHY, DEAD = NodeHealth


@pytest.fixture
def three(lab):
    return {name: serve(lab, name) for name in "abc"}


def serve(lab, name, *sets):
    greeter = Greeter(name, lab.clock)
    greeter.process = lab.serve(greeter, name=name, sets=sets)
    return greeter


def nodes(consumer):
    (client,) = consumer.application.clients
    return {node.instance.address.host: node for node in client.nodes}


class Load:
    """
    Calls at a steady pace, each beside the others.
    """

    def __init__(self, lab, call, per_s):
        self.lab = lab
        self.call = call
        self.every_s = 1 / per_s
        self.answers = Counter()
        #: When each call that failed was begun, and with what it failed.
        self.failed = []
        self.open = 0
        self.going = True
        self.running = lab.begin(self._go())

    async def _go(self):
        while self.going:
            self.lab.begin(self._one())
            await sleep(self.lab.clock, self.every_s)

    async def _one(self):
        begun_at = self.lab.clock.seconds()
        self.open += 1
        try:
            self.answers[await self.call()] += 1
        except CallError as error:
            self.failed.append((begun_at, error))
        finally:
            self.open -= 1

    def stop(self):
        self.going = False
        self.lab.until(lambda: self.running.done and not self.open)


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_one_of_three_freezes(lab, wire):
    """
    At 2,000 calls/s no idempotent call is lost when a node freezes, with default settings.

    It is left out after about a second, and given up after about two and a half. All calls
    that were open on it then are made again: they are one event, and do not spend the budget.
    """
    wires = f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}"
    three = {name: serve(lab, name, *wires) for name in "abc"}
    consumer = lab.consumer(*wires)
    client = consumer.application.client(Greeter)
    load = Load(lab, client.who, 2_000)
    lab.advance(1)
    lab.cut_off(three["a"].process)
    lab.advance(1.3)
    node = nodes(consumer)["a"]
    assert SUB_HEALTHY is node.health
    stuck = node.in_flight
    assert 500 < stuck < 1_000
    lab.advance(0.7)
    assert stuck == node.in_flight
    lab.advance(1.0)
    assert DEAD is node.health
    load.stop()

    assert [] == load.failed
    assert sum(load.answers.values()) > 7_900
    lab.reconnect(three["a"].process)


def test_the_frozen_comes_back(lab, three):
    """
    A node that goes on after 30 s is used again within 10 s, by way of sub-healthy.
    """
    consumer = lab.consumer()
    load = Load(lab, consumer.application.client(Greeter).who, 100)
    lab.advance(1)
    node = nodes(consumer)["a"]
    lab.cut_off(three["a"].process)
    lab.advance(30)
    assert DEAD is node.health
    lab.reconnect(three["a"].process)
    lab.until(lambda: node.health is not DEAD, 10)
    assert SUB_HEALTHY is node.health
    before = load.answers["a"]
    lab.advance(0.5)
    assert before == load.answers["a"]
    lab.until(lambda: node.health is HEALTHY, 2)
    lab.advance(3)
    load.stop()

    assert load.answers["a"] > before + 50
    assert [] == load.failed


def test_a_node_that_was_dead_for_long(lab, three):
    """
    Nobody needs it, and still it is connected to again: after a tenth of its time at the latest.
    """
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.advance(1)
    node = nodes(consumer)["a"]
    lab.kill(three["a"].process)
    # Its address is all that the client ever knows, as with a registry of fixed addresses.
    lab.registry.leave()
    lab.advance(500)
    assert DEAD is node.health
    lab.serve(Greeter("again"), name="a", sets=["server.announce_timeout=10ms"])
    lab.until(lambda: node.health is HEALTHY, 55)
    assert {"again", "b", "c"} == {lab.run(client.who()) for _ in range(60)}
    lab.registry.come_back()
    lab.forget(three["a"].process)


@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_a_busy_node_is_not_cut_off(lab, three, seconds):
    """
    A node that is busy for two seconds keeps its connection and its calls, writes too.
    """
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    load = Load(lab, lambda: client.write("x"), 500)
    lab.advance(1)
    node = nodes(consumer)["a"]
    (driver,) = node.links.drivers
    lab.pause(three["a"].process, seconds)
    lab.advance(seconds + 3)
    load.stop()

    assert [] == load.failed
    assert (driver,) == node.links.drivers
    assert HEALTHY is node.health


def test_failures_from_time_to_time(lab, three):
    """
    A node that never misses so many heartbeats in a row is caught by its availability rate.

    For half a second in each it loses what is sent to it. So it misses one heartbeat or two, and
    the third is answered. But of the calls that have no more time than that, a part fails.
    """
    consumer = lab.consumer("client.timeout=200ms", "retry.max_attempts=1")
    load = Load(lab, consumer.application.client(Greeter).who, 200)
    lab.advance(2)
    node = nodes(consumer)["a"]
    states = Counter()
    for _ in range(10):
        lab.pause(three["a"].process, 0.5)
        lab.advance(1)
        states[node.health, node.silent] += 1
    load.stop()

    assert states[SUB_HEALTHY, False] > 5
    assert not states[DEAD, False]
    (client,) = consumer.application.clients
    assert "calls failed in 10 s" in client.health.reason(node)
    # What is left out fails no more: a third of the calls went to it, and half of these failed.
    assert len(load.failed) < 100


def test_one_that_fails_half_of_its_calls(lab, three):
    """
    The errors of a server take it out for a time that grows; then it is tried again.
    """
    consumer = lab.consumer("retry.max_attempts=1")
    load = Load(lab, consumer.application.client(Greeter).who, 300)
    lab.advance(2)
    node = nodes(consumer)["a"]
    three["a"].error = ApplicationError(Status.INTERNAL, "disk full")
    lab.until(lambda: node.health is SUB_HEALTHY, 5)
    lab.until(lambda: node.health is HEALTHY, 7)
    lab.until(lambda: node.health is SUB_HEALTHY, 5)
    ejected_at = lab.clock.seconds()
    three["a"].error = None
    lab.until(lambda: node.health is HEALTHY, 12)
    assert 9.5 < lab.clock.seconds() - ejected_at
    lab.advance(1)
    load.stop()
    assert 50 < len(load.failed) < 400


@pytest.mark.parametrize("status", [Status.NOT_FOUND, Status.FAILED_PRECONDITION])
def test_business_errors_never_count(lab, three, status):
    """
    A node whose method answers with errors of the business is as healthy as any.
    """
    consumer = lab.consumer()
    load = Load(lab, consumer.application.client(Greeter).who, 300)
    three["a"].error = ApplicationError(status, "no such shop")
    lab.advance(15)
    assert HEALTHY is nodes(consumer)["a"].health
    load.stop()


def test_an_error_of_all_is_none_of_a_node(lab, three):
    """
    If all nodes fail, because of a database behind them, none of them is left out.
    """
    consumer = lab.consumer()
    load = Load(lab, consumer.application.client(Greeter).who, 300)
    for greeter in three.values():
        greeter.error = ApplicationError(Status.INTERNAL, "no database")
    lab.advance(15)
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}
    load.stop()


def test_two_of_three_freeze(lab, three):
    """
    Nodes that are silent get no calls while one answers, however few are healthy.
    """
    consumer = lab.consumer()
    load = Load(lab, consumer.application.client(Greeter).who, 300)
    lab.advance(1)
    lab.cut_off(three["a"].process)
    lab.cut_off(three["b"].process)
    lab.advance(5)
    load.stop()
    assert [] == load.failed
    lab.reconnect(three["a"].process)
    lab.reconnect(three["b"].process)


def test_if_all_are_silent_none_is_given_up(lab, three):
    """
    The fault is on this side then: no connection is closed, and no write lost.
    """
    consumer = lab.consumer("client.timeout=30s")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.advance(1)
    before = {name: node.links.drivers for name, node in nodes(consumer).items()}
    for greeter in three.values():
        lab.pause(greeter.process, 8)
    writes = [lab.begin(client.write("x")) for _ in range(30)]
    lab.advance(5)
    assert DEAD not in {node.health for node in nodes(consumer).values()}
    lab.advance(5)
    assert all(write.done and write.value in three for write in writes)
    assert before == {name: node.links.drivers for name, node in nodes(consumer).items()}


def test_an_idle_node_that_freezes(lab, three):
    """
    The heartbeats of idle nodes find it before a call does.
    """
    consumer = lab.consumer("client.timeout=500ms")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.advance(1)
    lab.cut_off(three["a"].process)
    lab.advance(13)
    assert DEAD is nodes(consumer)["a"].health
    assert {"b", "c"} == {lab.run(client.who()) for _ in range(30)}
    lab.reconnect(three["a"].process)


def test_a_slow_method_is_no_silence(lab, three):
    """
    A method that takes long costs its node nothing, and a few pings.
    """
    consumer = lab.consumer("client.timeout=60s")
    client = consumer.application.client(Greeter)
    calls = [lab.begin(client.slow_write(50)) for _ in range(6)]
    lab.advance(51)
    assert all(call.done and call.value in three for call in calls)
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}


def test_pings_that_a_grpc_server_counts(lab):
    """
    However sick a node is, and however long a call, a gRPC server gets no ping too many.
    """
    wires = "app.protocols=grpc", "server.protocols=grpc", "client.protocols=grpc"
    three = {name: serve(lab, name, *wires) for name in "abc"}
    consumer = lab.consumer(*wires, "client.timeout=60s")
    client = consumer.application.client(Greeter)
    calls = [lab.begin(client.slow_write(50)) for _ in range(6)]
    for _ in range(5):
        lab.pause(three["a"].process, 1)
        lab.advance(10)
    lab.advance(5)
    assert all(call.done and call.value in three for call in calls)
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_a_node_that_says_that_it_does_not_serve(lab, wire):
    """
    With ``watch`` a node is believed what its health service says, until it says otherwise.
    """
    wires = f"app.protocols={wire}", f"server.protocols={wire}", f"client.protocols={wire}"
    a, b = (serve(lab, name, *wires, "server.builtin=grpc_health") for name in "ab")
    without = serve(lab, "without", *wires, "server.builtin=")
    consumer = lab.consumer(*wires, "health.watch=yes")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.advance(2)
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}

    a.process.application.server.health.set("demo.Greeter", serving=False)
    lab.advance(20)
    assert SUB_HEALTHY is nodes(consumer)["a"].health
    assert {b.name, without.name} == {lab.run(client.who()) for _ in range(40)}

    a.process.application.server.health.set("demo.Greeter", serving=True)
    lab.advance(3)
    assert HEALTHY is nodes(consumer)["a"].health
    assert {"a", "b", "without"} == {lab.run(client.who()) for _ in range(60)}


def test_a_watch_holds_no_connection_open(lab, three):
    """
    A server that stops is not kept waiting by those who watch it, nor is a client.
    """
    sets = ["server.builtin=grpc_health"]
    watched = serve(lab, "watched", *sets)
    consumer = lab.consumer("health.watch=yes")
    lab.run(consumer.application.client(Greeter).who())
    lab.advance(1)
    before = lab.clock.seconds()
    lab.stop(watched.process)
    lab.stop(consumer)
    assert lab.clock.seconds() - before < 2


def test_what_the_process_shows(lab, three):
    """
    Metrics and inspection have the health of each node, the log has a line with the reason.
    """
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.advance(1)
    with capturedLogs() as logged:
        lab.cut_off(three["a"].process)
        lab.advance(13)
    lab.reconnect(three["a"].process)

    clients = ClientInspection(lambda: consumer.application.clients, lambda *_: None)
    (service,) = clients.services()
    shown = {address.host: clients.node(id) for id, address in service.nodes}
    assert [DEAD, HEALTHY, HEALTHY] == [shown[name].health for name in "abc"]
    assert "it has not answered 9 heartbeats in a row" == shown["a"].reason
    nodes_by = dict(family_of(consumer, "rpcfw_client_nodes"))
    assert 1 == nodes_by["demo.Greeter", "dead"].value
    assert 2 == nodes_by["demo.Greeter", "healthy"].value
    changes = dict(family_of(consumer, "rpcfw_client_node_health_changes_total"))
    assert 1 == changes["demo.Greeter", "dead"].value
    lines = [formatEvent(event) for event in logged]
    sub_healthy, dead = [line for line in lines if " of demo.Greeter is " in line]
    assert sub_healthy.startswith("memory:a of demo.Greeter is sub-healthy, it was healthy: ")
    assert sub_healthy.endswith("it has not answered 3 heartbeats in a row")
    assert dead.startswith("memory:a of demo.Greeter is dead, it was sub-healthy: ")


def family_of(process, name):
    (found,) = [
        each for each in process.application.runtime.plugin_context.meter if each.name == name
    ]
    return found


def test_it_can_be_switched_off(lab, three):
    """
    Without it a node is healthy as long as it is connected.
    """
    consumer = lab.consumer("health.enabled=no")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    lab.cut_off(three["a"].process)
    lab.advance(5)
    assert HEALTHY is nodes(consumer)["a"].health
    lab.reconnect(three["a"].process)
