"""
Among nodes that are ready, new, or dead: which get the calls.
"""

from __future__ import annotations

from collections import Counter

import pytest

from rpcfw.errors import CallError
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.address import Address
from tests.lab.services import Greeter

CONNECTING = LinkState.CONNECTING


def put_dead(lab, count, first=0):
    """
    Announce instances that nobody serves.
    """
    for number in range(first, first + count):
        address = Address("memory", f"dead-{number}")
        lab.registry.put(an_instance(id=f"dead-{number}", address=address, weight=100))


def nodes(consumer):
    (client,) = consumer.application.clients
    return list(client.nodes)


def ready(consumer) -> int:
    return sum(node.links.state is LinkState.READY for node in nodes(consumer))


@pytest.mark.parametrize("kept", [0, 1, 64])
def test_dead_instances_beside_a_ready_one(lab, kept):
    """
    Once one instance is ready, 300 dead ones beside it lose no call and take no attempt.
    """
    greeter = Greeter("a")
    lab.serve(greeter, name="a")
    consumer = lab.consumer(f"client.max_connected_nodes={kept}", "retry.max_attempts=1")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    put_dead(lab, 300)
    lab.advance(0.1)

    assert {"a"} == {lab.run(client.who()) for _ in range(1_000)}


@pytest.mark.parametrize("kept", [0, 64])
def test_one_living_among_dead_ones(lab, kept):
    """
    A client that begins among 300 dead instances finds the one that lives in a few calls.
    """
    put_dead(lab, 150)
    lab.serve(Greeter("a"), name="a")
    put_dead(lab, 150, first=150)
    consumer = lab.consumer(f"client.max_connected_nodes={kept}")
    client = consumer.application.client(Greeter)
    lost = 0
    for _ in range(60):
        try:
            lab.run(client.who())
        except CallError:
            lost += 1
        lab.advance(0.01)

    assert lost < 4
    assert ["a"] * 20 == [lab.run(client.who()) for _ in range(20)]


def test_new_instances_get_their_share(lab):
    """
    Instances that come later are connected to beside the calls, and get as many of them.
    """
    lab.serve(Greeter("0"), name="0")
    consumer = lab.consumer("client.max_connected_nodes=1")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    for number in range(1, 20):
        lab.serve(Greeter(str(number)), name=str(number))
    for _ in range(30):
        lab.run(client.who())
        lab.advance(0.1)
    assert 20 == ready(consumer)

    shares = Counter(lab.run(client.who()) for _ in range(2_000))
    assert 20 == len(shares)
    assert all(50 < share < 200 for share in shares.values())


def test_few_are_dialled_at_once(lab):
    """
    However many instances there are, calls have no more than eight dialled at once.
    """
    lab.serve(Greeter("a"), name="a")
    consumer = lab.consumer("client.max_connected_nodes=1")
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    silent = [lab.serve(Greeter("b"), name=str(number)) for number in range(50)]
    for process in silent:
        lab.cut_off(process)

    most = 0
    for _ in range(20):
        assert "a" == lab.run(client.who())
        most = max(most, [node.links.state for node in nodes(consumer)].count(CONNECTING))
    for process in silent:
        lab.reconnect(process)

    assert 8 == most


def test_what_refuses_sends_calls_to_the_untried(lab):
    """
    A call that its only ready node refuses goes to one that is being connected to.
    """
    first = Greeter("first")
    process = lab.serve(first, name="first")
    consumer = lab.consumer()
    client = consumer.application.client(Greeter)
    lab.run(client.who())
    process.application.server.methods.withdraw("demo.Greeter")
    lab.serve(Greeter("second"), name="second")
    lab.until(lambda: len(nodes(consumer)) == 2)

    assert "second" == lab.run(client.write("x"))
