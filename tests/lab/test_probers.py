"""
Probers in several places, what they report, and what consumers make of it.
"""

from __future__ import annotations

import json

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw.client.inspection import ClientInspection
from rpcfw.cluster.health.probes import MAX_AGE_S
from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.prober import Prober
from rpcfw.kernel.settings import options_of
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.node_health import NodeHealth
from rpcfw.values.probe_report import (
    MAX_REPORT_BYTES,
    PROBER_SERVICE,
    REPORT_TAG,
    report_from_json,
)
from tests.lab.services import Greeter

HEALTHY, SUB_HEALTHY, DEAD = NodeHealth
#: A node that answers nothing is reported within this time, with the defaults.
NOTICED_S = 16.0


class World:
    """
    Providers, probers and consumers.
    """

    def __init__(self, lab):
        self.lab = lab
        self.probers = {}
        self.processes = {}

    def serve(self, name, *sets):
        process = self.lab.serve(Greeter(name, self.lab.clock), name=name, sets=sets)
        self.processes[name] = process
        return process

    def prober(self, name, *protocols, **options):
        process = self.lab.consumer(
            *(f"app.protocols={one}" for one in protocols), name=f"prober-{name}"
        )
        application = process.application
        prober = Prober(
            application.runtime,
            application.registry,
            options_of(ProbeOptions, **options),
            protocols or ("native",),
            name,
        )
        prober.start()
        self.probers[name], self.processes[f"prober-{name}"] = prober, process
        return prober

    def consumer(self, *sets):
        process = self.lab.consumer("health.probes=yes", *sets)
        process.greeter = process.application.client(Greeter)
        return process

    def call(self, consumer):
        return self.lab.run(consumer.greeter.who())

    def cut_off(self, name):
        self.lab.cut_off(self.processes[name])

    def reconnect(self, name):
        self.lab.reconnect(self.processes[name])

    def announce(self, service, count, addresses):
        """
        Announce instances where nobody is, at so many addresses.
        """
        for number in range(count):
            address = Address("memory", f"{service}-{number % addresses}")
            self.lab.registry.put(Instance(service, f"id-{number:04}", address))

    def forge(self, text, id="forged"):
        """
        Announce a prober with any report.
        """
        address = Address("tcp", "elsewhere")
        prober = Instance(PROBER_SERVICE, id, address, (), tags={REPORT_TAG: text})
        self.lab.registry.put(prober)

    def says_dead(self, *names, reached_percent=90):
        """
        Return the text of a report that these providers are not reached.
        """
        (service,) = {one.service for one in self.lab.registry.instances(Greeter.service_name)}
        named = {
            one.id: str(one.address)
            for one in self.lab.registry.instances(service)
            if one.address.host in names
        }
        return json.dumps(
            {
                "watches": ["*"],
                "reached_percent": reached_percent,
                "services": {service: {"named": named, "count": len(named)}},
            }
        )

    @property
    def reports(self):
        """
        The reports that are in the registry, by the name of the prober; without forged ones.
        """
        found = [o for o in self.lab.registry.instances(PROBER_SERVICE) if o.id != "forged"]
        return {one.id.partition("-")[0]: report_from_json(one.tags[REPORT_TAG]) for one in found}

    def close(self):
        for name, process in self.processes.items():
            if name.startswith("prober-") and process.alive:
                self.lab.run(self.probers[name.removeprefix("prober-")].stop())


@pytest.fixture
def world(lab):
    world = World(lab)
    yield world
    world.close()


@pytest.fixture
def three(world):
    """
    Three providers, and three probers that have reported.
    """
    for name in "abc":
        world.serve(name)
    for name in ("east", "west", "north"):
        world.prober(name)
    world.lab.until(lambda: len(world.reports) == 3)
    return world


def nodes(consumer):
    (client,) = consumer.application.clients
    return {node.instance.address.host: node for node in client.nodes}


def says(consumer):
    """
    What the probers say of each node, as the consumer has it.
    """
    (client,) = consumer.application.clients
    return {name: client.health.probers_say(node) for name, node in nodes(consumer).items()}


def named(report):
    return [address for each in report.services.values() for address in each.named.values()]


def test_what_is_reached_is_not_named(three):
    """
    A report of a fleet without faults names no node, and is written once.
    """
    three.lab.advance(60)
    assert [100, 100, 100] == [each.reached_percent for each in three.reports.values()]
    assert [[], [], []] == [named(each) for each in three.reports.values()]
    assert {1} == {written(three, name) for name in three.probers}


def written(world, name):
    """
    How often a prober has written its report.
    """
    meter = world.processes[f"prober-{name}"].application.runtime.plugin_context.meter
    (family,) = (each for each in meter if each.name == "rpcfw_prober_reports_total")
    return family.of().value


@pytest.mark.parametrize("wire", ["native", "grpc"])
def test_a_frozen_provider_is_named(world, wire):
    """
    A process that stands still is connected to by its system, and named all the same.

    One of gRPC needs no health service to be reached.
    """
    wires = f"app.protocols={wire}", f"server.protocols={wire}"
    for name in "abc":
        world.serve(name, *wires)
    world.prober("east", wire)
    world.lab.until(lambda: world.reports)
    assert 100 == world.reports["east"].reached_percent
    world.cut_off("a")
    world.lab.until(lambda: named(world.reports["east"]), NOTICED_S)
    assert ["memory:a"] == named(world.reports["east"])
    assert 66 == world.reports["east"].reached_percent
    world.reconnect("a")
    world.lab.until(lambda: not named(world.reports["east"]), NOTICED_S)


def test_a_consumer_does_not_wait_for_what_nobody_reaches(three):
    """
    A consumer that starts later holds the node to be dead before it has connected to it.

    Its calls go to the others at once, and it is connected to again in the background.
    """
    three.cut_off("a")
    three.lab.until(lambda: all(map(named, three.reports.values())), NOTICED_S)
    consumer = three.consumer()
    began_at = three.lab.clock.seconds()
    assert {"b", "c"} == {three.call(consumer) for _ in range(20)}
    three.lab.advance(0.2)
    assert DEAD is nodes(consumer)["a"].health
    assert "0 of 3 probers reach it" == says(consumer)["a"]
    assert three.lab.clock.seconds() - began_at < 1
    three.reconnect("a")
    three.lab.until(lambda: nodes(consumer)["a"].health is HEALTHY, 40)


def test_an_idle_consumer_looks_at_once(three):
    """
    A connected node that no prober reaches is pinged, and given up after three heartbeats.

    Without probers, an idle consumer would find out with its next calls only, and after nine.
    """
    consumer = three.consumer("health.idle_heartbeat=0s")
    without = three.lab.consumer("health.idle_heartbeat=0s")
    other = without.application.client(Greeter)
    for _ in range(9):
        three.call(consumer)
        three.lab.run(other.who())
    three.lab.advance(1)
    three.cut_off("a")
    three.lab.until(lambda: all(map(named, three.reports.values())), NOTICED_S)
    assert DEAD is not nodes(consumer)["a"].health
    three.lab.until(lambda: nodes(consumer)["a"].health is DEAD, 1.2)
    assert HEALTHY is nodes(without)["a"].health


def test_a_prober_that_is_cut_off_is_not_believed(three):
    """
    A prober that reaches nobody names all nodes, and changes nothing.
    """
    consumer = three.consumer()
    three.call(consumer)
    three.cut_off("prober-east")
    three.lab.until(lambda: named(three.reports["east"]), NOTICED_S)
    three.lab.advance(5)
    assert 0 == three.reports["east"].reached_percent
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}
    assert {"2 of 2 probers reach it (1 cut off, not believed)"} == set(says(consumer).values())


def test_all_probers_are_cut_off(three):
    """
    With no prober that is believed, the probers say nothing.

    None is believed from the first node that it names: the others do not answer it either.
    """
    consumer = three.consumer()
    three.call(consumer)
    for name in three.probers:
        three.cut_off(f"prober-{name}")
    reports = three.reports
    while any(len(named(one)) < 3 for one in reports.values()):
        three.lab.advance(0.1)
        reports = three.reports
        assert [] == [one for one in reports.values() if named(one) and one.believed]
    late = three.consumer()
    assert {"a", "b", "c"} == {three.call(late) for _ in range(30)}
    for each in (consumer, late):
        assert {HEALTHY} == {node.health for node in nodes(each).values()}
        assert {"no prober says anything (3 cut off, not believed)"} == set(says(each).values())


def test_one_prober_lies(three):
    """
    One prober that names a node that others reach changes nothing.
    """
    three.forge(three.says_dead("a"))
    consumer = three.consumer()
    assert {"a", "b", "c"} == {three.call(consumer) for _ in range(30)}
    assert {"3 of 4 probers reach it", "4 of 4 probers reach it"} == set(says(consumer).values())


def test_what_the_consumer_reaches_stays(world):
    """
    A node that answers the consumer stays, whatever all probers say.
    """
    for name in "abc":
        world.serve(name)
    consumer = world.consumer()
    assert {"a", "b", "c"} == {world.call(consumer) for _ in range(30)}
    world.forge(world.says_dead("a"))
    world.lab.advance(30)
    assert "0 of 1 probers reach it" == says(consumer)["a"]
    assert {"a", "b", "c"} == {world.call(consumer) for _ in range(30)}
    assert HEALTHY is nodes(consumer)["a"].health


def test_a_report_about_another_process(world):
    """
    A report that names the id of an instance at another address is not about it.
    """
    for name in "abc":
        world.serve(name)
    world.forge(world.says_dead("a").replace("memory:a", "memory:other"))
    consumer = world.consumer()
    assert {"a", "b", "c"} == {world.call(consumer) for _ in range(30)}
    assert "" == says(consumer)["a"]


def test_the_panic_share(world):
    """
    If too few nodes would be left, no report is used.
    """
    for name in "abc":
        world.serve(name)
    world.forge(world.says_dead("a", "b"))
    consumer = world.consumer()
    assert {"a", "b", "c"} == {world.call(consumer) for _ in range(30)}
    assert {HEALTHY} == {node.health for node in nodes(consumer).values()}


def test_a_node_that_probers_reach_again(world):
    """
    A node that was never connected, and was dead by reports alone, is as before without them.
    """
    for name in "abc":
        world.serve(name)
    world.forge(world.says_dead("a"))
    consumer = world.consumer("client.max_connected_nodes=0", "balancer.plugin=round_robin")
    (client,) = consumer.application.clients
    world.lab.until(lambda: len(client.nodes) == 3)
    world.lab.advance(0.5)
    assert DEAD is nodes(consumer)["a"].health
    world.forge(world.says_dead())
    world.lab.advance(0.5)
    assert HEALTHY is nodes(consumer)["a"].health


def test_a_flapping_node(three):
    """
    A node that comes and goes faster than it is decided about is not reported.
    """
    for _ in range(30):
        three.cut_off("a")
        three.lab.advance(1.5)
        three.reconnect("a")
        three.lab.advance(5)
    assert {1} == {written(three, name) for name in three.probers}


def test_reports_are_not_written_too_often(world):
    """
    While nodes come and go without end, the time between two writes doubles.

    After a quiet time, a change is written at once again.
    """
    world.serve("a")
    world.prober("east", interval="100ms", timeout="50ms", failures="1", successes="1")
    world.lab.until(lambda: world.reports)
    before = written(world, "east")
    for _ in range(100):
        world.cut_off("a")
        world.lab.advance(0.3)
        world.reconnect("a")
        world.lab.advance(0.3)
    assert 4 <= written(world, "east") - before <= 6
    world.lab.advance(100)
    before = written(world, "east")
    world.cut_off("a")
    world.lab.advance(1)
    assert 1 == written(world, "east") - before


def test_a_thousand_nodes_are_down(world):
    """
    The report is bounded, the probers agree about what it names, and say nothing of the rest.
    """
    world.announce("big.Shop", 1000, 10)
    for name in ("east", "west"):
        world.prober(name, max_named="50")
    world.lab.until(lambda: len(world.reports) == 2, 120)
    east, west = world.reports.values()
    assert east == west
    unreached = east.services["big.Shop"]
    assert (50, 1000) == (len(unreached.named), unreached.count)
    assert "not reached" == east.says("big.Shop", "id-0049", "memory:big.Shop-9").value
    assert "unknown" == east.says("big.Shop", "id-0050", "memory:big.Shop-0").value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[" * 10_000,
        '{"watches": ["*"], "reached_percent": 101}',
        '{"watches": ["*"], "reached_percent": "90"}',
        '{"watches": [], "reached_percent": 9, "services": {"\\u001b": {"named": {}, "count": 0}}}',
        '{"watches": [], "reached_percent": 9, "services": {"s": {"named": {"a":""}, "count": 0}}}',
        " " * (MAX_REPORT_BYTES + 1),
    ],
    ids=["none", "bad", "deep", "share", "type", "terminal", "count", "huge"],
)
def test_a_report_that_is_none(three, text):
    """
    A report that cannot be read is not used, and a line in the log says whose it is.
    """
    with capturedLogs() as events:
        three.forge(text)
        consumer = three.consumer()
        assert {"a", "b", "c"} == {three.call(consumer) for _ in range(30)}
    assert {"3 of 3 probers reach it"} == set(says(consumer).values())
    lines = [formatEvent(each) for each in events]
    assert 1 == sum("the report of the prober forged is not used" in line for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_the_registry_is_unreachable(world):
    """
    Reports are used for a while, then they are too old; and again when the registry is back.
    """
    for name in "abc":
        world.serve(name)
    world.forge(world.says_dead("a"))
    consumer = world.consumer()
    world.call(consumer)
    assert "0 of 1 probers reach it" == says(consumer)["a"]
    world.lab.registry.leave()
    world.lab.advance(MAX_AGE_S - 2)
    assert "0 of 1 probers reach it" == says(consumer)["a"]
    world.lab.advance(4)
    assert "" == says(consumer)["a"]
    world.lab.registry.come_back()
    world.lab.advance(2)
    assert "0 of 1 probers reach it" == says(consumer)["a"]


def test_a_prober_that_ends(three):
    """
    A prober that stops withdraws its report; that of one that dies ends with its session.
    """
    consumer = three.consumer()
    three.call(consumer)
    three.lab.run(three.probers["east"].stop())
    three.lab.advance(0.2)
    assert {"west", "north"} == three.reports.keys()
    assert {"2 of 2 probers reach it"} == set(says(consumer).values())
    three.lab.forget(three.processes["prober-west"])
    three.lab.advance(0.2)
    assert {"1 of 1 probers reach it"} == set(says(consumer).values())


def test_a_consumer_that_does_not_ask(three):
    """
    By default nobody listens to probers.
    """
    consumer = three.lab.consumer()
    three.lab.run(consumer.application.client(Greeter).who())
    assert {""} == set(says(consumer).values())


def test_many_probers_and_few_places(world):
    """
    The probes of many nodes wait for each other, and each node has its turn.
    """
    world.announce("big.Shop", 200, 50)
    prober = world.prober("east", max_concurrent="4", timeout="200ms", failures="2")
    world.lab.until(lambda: prober.report().services.get("big.Shop") is not None, 60)
    world.lab.until(lambda: prober.report().services["big.Shop"].count == 200, 60)


def test_a_prober_that_cannot_keep_up(world):
    """
    Probes that are late by more than an interval are said in the log, with what to raise.
    """
    for name in "abcdef":
        world.serve(name)
    with capturedLogs() as events:
        world.prober("east", max_concurrent="1", interval="500ms")
        world.lab.until(lambda: world.reports)
        for name in "abcdef":
            world.cut_off(name)
        world.lab.advance(20)
    lines = [formatEvent(each) for each in events]
    late = [line for line in lines if "probes are late by" in line]
    assert 1 <= len(late) <= 5
    assert "max_concurrent = 1 or interval = 0.5 s" in late[0]


def test_probers_are_asked_by_a_rule(world):
    """
    A rule makes consumers use the reports, and its end makes them forget what they said.
    """
    for name in "abc":
        world.serve(name)
    world.forge(world.says_dead("a"))
    consumer = world.lab.consumer("client.max_connected_nodes=0")
    policies = consumer.application.policies
    greeter = consumer.application.client(Greeter)
    world.lab.until(lambda: len(nodes(consumer)) == 3)
    world.lab.run(policies.replace("health", {"probes": "yes"}))
    world.lab.advance(0.5)
    assert DEAD is nodes(consumer)["a"].health
    world.lab.run(policies.replace("health", {"probes": "no"}))
    world.lab.advance(0.5)
    assert HEALTHY is nodes(consumer)["a"].health
    assert "" == says(consumer)["a"]
    assert world.lab.run(greeter.who()) in "abc"


def test_where_it_is_seen(three):
    """
    An explanation, the inspection and the metrics of a consumer show what probers say.
    """
    three.forge("no report")
    three.cut_off("prober-east")
    three.lab.until(lambda: len(named(three.reports["east"])) == 3, NOTICED_S)
    consumer = three.consumer()
    application = consumer.application
    three.lab.run(consumer.greeter.who())
    three.lab.advance(0.2)
    explained = three.lab.run(application.explain(Greeter.who))
    says = "2 of 2 probers reach it (1 cut off, not believed)"
    assert [says] * 3 == [one.probes for one in explained.instances]
    inspection = ClientInspection(lambda: application.clients, None)
    (service,) = inspection.services()
    assert {says} == {inspection.node(id).probes for id, _ in service.nodes}
    assert {"believed": 2, "cut_off": 1, "unreadable": 1} == metric(
        consumer, "rpcfw_client_probers"
    )
    assert {Greeter.service_name: 0} == metric(consumer, "rpcfw_client_nodes_unreached")
    three.cut_off("a")
    three.lab.until(
        lambda: metric(consumer, "rpcfw_client_nodes_unreached")[Greeter.service_name] == 1,
        NOTICED_S,
    )


def metric(process, name):
    """
    Return the values of a metric by its label.
    """
    meter = process.application.runtime.plugin_context.meter
    (family,) = (each for each in meter if each.name == name)
    return {label: member.value for (label,), member in family}
