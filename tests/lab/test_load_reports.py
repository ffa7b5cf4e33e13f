"""
Load reports in whole systems: from servers, by two wires, to balancers.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.runtime.load_reporter import Usage
from tests.lab.test_balancing import Steady, drive, shares

RUNTIME = ("balancer.plugin=adaptive", "balancer.collectors=runtime")
GRPC = ("app.protocols=native, grpc", "server.protocols=grpc", "client.protocols=grpc")
TRAILER = ("server.insert=load_trailer before AUTH",)


def busy(lab, process, cpu):
    """
    Let a process report that it uses such a share of a core.
    """
    seconds = lab.clock.seconds
    process.application.load.read = lambda: Usage(process_s=cpu * seconds(), memory=0.5)


def fleet(lab, *sets):
    """
    Serve from four processes, of which the second one is busy; return services and processes.
    """
    shops = [Steady(lab.clock) for _ in range(4)]
    processes = [lab.serve(shop, name=f"n{number}", sets=sets) for number, shop in enumerate(shops)]
    for number, process in enumerate(processes):
        busy(lab, process, 0.9 if number == 1 else 0.2)
    return shops, processes


def loads(consumer):
    """
    Return what the only client of a process knows of the load of its nodes.
    """
    (client,) = consumer.application.clients
    return [node.load for node in client.nodes]


@pytest.mark.parametrize("sets", [(), (*GRPC, *TRAILER)], ids=["native", "grpc"])
def test_a_busy_node(lab, sets):
    """
    A node with an eighth of the others' free CPU gets an eighth of their calls.
    """
    shops, _ = fleet(lab, *sets)
    client = lab.consumer(*RUNTIME, *sets[:3]).application.client(Steady)
    drive(lab, client, 12)
    found = shares(lab, client, shops, 10)

    assert 0.02 < found[1] < 0.07
    assert all(0.25 < share < 0.4 for place, share in enumerate(found) if place != 1)


def test_a_node_that_is_busy_no_more(lab):
    """
    A node whose CPU is free again has its share after two intervals.
    """
    shops, processes = fleet(lab)
    client = lab.consumer(*RUNTIME).application.client(Steady)
    drive(lab, client, 12)
    busy(lab, processes[1], 0.2)
    drive(lab, client, 11)

    assert shares(lab, client, shops, 4)[1] > 0.2


def test_others_are_not_asked(lab):
    """
    A client whose balancer needs no reports asks for none, and servers measure nothing.
    """
    _, processes = fleet(lab)
    reads = []
    for process in processes:
        process.application.load.read = lambda: reads.append(1) or Usage(process_s=0.0)
    consumer = lab.consumer("balancer.plugin=p2c")
    drive(lab, consumer.application.client(Steady), 12)

    assert [None] * 4 == loads(consumer)
    assert [] == reads


def test_a_server_that_tells_nothing(lab):
    """
    With load_report = no a server answers without a report, and calls go by weight.
    """
    shops, _ = fleet(lab, "server.load_report=no")
    consumer = lab.consumer(*RUNTIME)
    client = consumer.application.client(Steady)
    drive(lab, client, 12)

    assert [None] * 4 == loads(consumer)
    assert all(0.18 < share < 0.32 for share in shares(lab, client, shops, 5))


def test_metrics_of_the_application(lab):
    """
    What a server sets itself counts at clients that name it.
    """
    shops, processes = fleet(lab)
    busy(lab, processes[1], 0.2)
    processes[2].application.load.set("queue", 0.9)
    sets = (*RUNTIME, "collector runtime.metrics=queue")
    client = lab.consumer(*sets).application.client(Steady)
    drive(lab, client, 12)

    assert shares(lab, client, shops, 5)[2] < 0.08


def test_the_interval_is_replaced(lab):
    """
    Another interval, and a weight of 0 by which nobody asks, count while calls run.
    """
    fleet(lab)
    consumer = lab.consumer(*RUNTIME)
    client = consumer.application.client(Steady)
    drive(lab, client, 6, per_second=50)
    replace = consumer.application.policies.replace
    lab.run(replace("collector runtime", {"interval": "500ms"}))
    drive(lab, client, 2, per_second=50)
    assert all(lab.clock.seconds() - load.received_at < 1 for load in loads(consumer))

    lab.run(replace("collector runtime", {"weight": "0"}))
    drive(lab, client, 3, per_second=50)
    assert all(lab.clock.seconds() - load.received_at > 2 for load in loads(consumer))
