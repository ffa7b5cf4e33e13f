"""
The pages of the process, its connections and its configuration.
"""

from __future__ import annotations

import pytest

from rpcfw.admin.rendering.json_text import plain
from rpcfw.filters.metrics import ClientMetrics, ServerMetrics
from rpcfw.spi.inspected_process import OptionValue
from rpcfw.spi.inspection import (
    CalledNode,
    CalledService,
    Calls,
    Clients,
    Connection,
    Connectivity,
)
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.builtin import FixedInspection
from rpcfw.testing.contracts.page import FixedProcess, PageContract, asked
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.call import Call
from rpcfw.values.method import Method, Shape
from rpcfw.values.method_rates import MethodRates
from rpcfw_pages.config import Config
from rpcfw_pages.connections import Connections
from rpcfw_pages.inspect import Inspect
from rpcfw_pages.status import Status

ADDRESS = Address("tcp", "10.0.0.7", 2200)


class Calling(Clients):
    """
    Calls one service, with so many nodes.
    """

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes

    def services(self):
        nodes = tuple((number, ADDRESS) for number in range(self.nodes))
        ready = Connectivity.READY
        return (CalledService(1, "demo.Shop", ready, Calls(9, 5, 2), 0.0, None, nodes),)

    def node(self, id):
        if id == 1:
            return None  # gone meanwhile
        connections = (Connection(1, "10.0.0.7:2200", "native", 0.0, Calls(3, 3, 0)),)
        ready = Connectivity.READY
        return CalledNode(id, ADDRESS, ready, Calls(3, 3, 0), 0.0, connections)


OPTIONS = (
    OptionValue("client", "timeout", "1s", "shop.ini:3"),
    OptionValue("client", "compression", "", "default"),
)


def process(nodes=2, accepted=2):
    connections = tuple(
        Connection(number, "10.0.0.9:4711", "grpc", 0.0, Calls(2, 1, 1))
        for number in range(accepted)
    )
    inspection = FixedInspection(
        connections=connections, clients=Calling(nodes), calls=Calls(4, 2, 2)
    )
    return FixedProcess(inspection, options=OPTIONS)


class Contract(PageContract):
    page: type

    def make(self):
        return self.page(NoOptions(), plugin_context())


class TestStatusContract(Contract):
    page = Status


class TestConnectionsContract(Contract):
    page = Connections


class TestConfigContract(Contract):
    page = Config


class TestInspectContract(Contract):
    page = Inspect


def shown(page, process, context=None):
    return plain(asked(page(NoOptions(), context or plugin_context()), process))


async def fine(call):
    return None


async def wrong(call):
    raise KeyError("wrong")


def test_status_has_the_process_and_its_calls():
    """
    Phase, ports and sums of the process; what it calls.
    """
    found = shown(Status, process())

    assert "announced" == found["process"]["phase"]
    assert "2023-11-14T22:13:20.000+00:00" == found["process"]["started_at"]
    assert (4, 2, 2) == tuple(
        found["process"][name] for name in ("calls_started", "calls_succeeded", "calls_failed")
    )
    (called,) = found["called_services"]
    assert ("demo.Shop", "ready", 2) == (called["service"], called["state"], called["nodes"])


def test_status_has_each_method():
    """
    Calls that have ended, that failed and that are open, and how long they took.
    """
    context = plugin_context()
    metrics = ServerMetrics(NoOptions(), context)
    for step in (fine, fine, wrong):
        call = Call(Method("demo.Shop", "get", Shape.UNARY, bytes, bytes, "raw"), None)
        spawn(metrics.bind(step)(call)).addErrback(lambda failure: failure.trap(KeyError))

    (row,) = shown(Status, process(), context)["methods"]

    assert ("server", "demo.Shop", "get") == (row["side"], row["service"], row["method"])
    assert (3, 1, 0) == (row["ended"], row["failed"], row["in_flight"])
    assert row["p99_ms"] >= row["p50_ms"]


class Busy(FixedInspection):
    """
    Was called in the last minute.
    """

    def last_minute(self):
        return (MethodRates("server", "demo.Shop", "get", 12.345, 0.5, 2, 0.001, 0.002, None),)


def test_status_has_the_last_minute():
    """
    Rates in calls a second and percentiles in milliseconds; what is not known is empty.
    """
    (row,) = shown(Status, FixedProcess(Busy()))["last_minute"]

    assert ("demo.Shop", 12.35, 0.5, 2) == (
        row["service"],
        row["calls_per_s"],
        row["errors_per_s"],
        row["in_flight"],
    )
    assert (1.0, 2.0, None) == (row["p50_ms"], row["p90_ms"], row["p99_ms"])


@pytest.mark.parametrize(
    ("served", "called", "shown_of_each"),
    [(300, 1_500, (300, 700)), (1_500, 300, (700, 300)), (800, 900, (500, 500))],
)
def test_no_side_crowds_out_the_other(served, called, shown_of_each):
    """
    Of too many methods each side has half of the rows at least, with those that are called most.
    """

    class Many(FixedInspection):
        def last_minute(self):
            sides = ["client"] * called + ["server"] * served
            return tuple(
                MethodRates(side, "demo.Shop", "get", 1.0, 0, 0, 1, 1, 1) for side in sides
            )

    context = plugin_context()
    for metrics, count in ((ServerMetrics, served), (ClientMetrics, called)):
        step = metrics(NoOptions(), context).bind(fine)
        for number in range(count):
            method = Method("demo.Shop", f"m{number}", Shape.UNARY, bytes, bytes, "raw")
            for _ in range(2 if number >= count - 100 else 1):
                spawn(step(Call(method, None)))

    found = shown(Status, FixedProcess(Many()), context)

    for rows in found["methods"], found["last_minute"]:
        sides = [row["side"] for row in rows]
        assert shown_of_each == (sides.count("server"), sides.count("client"))
    methods = found["methods"]
    assert 200 == len([row for row in methods if row["ended"] == 2])
    names = [(row["side"] == "client", row["method"]) for row in methods]
    assert sorted(names) == names


def test_connections_of_both_sides():
    """
    A node that is gone meanwhile is left out.
    """
    found = shown(Connections, process(nodes=3))

    assert ["10.0.0.9:4711"] * 2 == [each["peer"] for each in found["accepted_connections"]]
    assert [0, 2] == [each["node"] for each in found["nodes"]]
    assert ["demo.Shop"] * 2 == [each["service"] for each in found["made_connections"]]


@pytest.mark.parametrize(("page", "limit"), [(Connections, 1_000), (Inspect, 200)])
def test_large_processes_are_shown_in_part(page, limit):
    """
    With many connections and nodes the first are shown, and how many more there are.
    """
    answer = asked(page(NoOptions(), plugin_context()), process(nodes=5_000, accepted=10_000))

    tables = {section.name: section for section in answer.sections}
    assert limit == len(tables["accepted_connections"].rows)
    assert 10_000 - limit == tables["accepted_connections"].left_out
    assert limit == len(tables["nodes"].rows)
    assert 5_000 - limit == tables["nodes"].left_out


def test_what_was_given_comes_before_defaults():
    """
    The page of the configuration has two tables.
    """
    found = shown(Config, process())

    assert [{"section": "client", "option": "timeout", "value": "1s", "source": "shop.ini:3"}] == (
        found["given"]
    )
    assert ["compression"] == [each["option"] for each in found["defaults"]]


def test_a_program_gets_everything_in_one_response():
    """
    The names are those of the pages.
    """
    found = shown(Inspect, process())

    names = {
        "process",
        "services",
        "called_services",
        "last_minute",
        "methods",
        "accepted_connections",
    }
    names |= {"nodes", "made_connections", "calls", "given", "defaults"}
    assert names == {*found}
