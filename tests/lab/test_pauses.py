"""
Processes that stop for a while: others are not blamed for the time that was lost.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Status
from tests.lab.services import Greeter

WIRES = ["native", "grpc"]
PAUSE_S = 3.0


@pytest.fixture(params=WIRES)
def scene(lab, request):
    """
    A server and a client on one wire, each call at most once.
    """
    wire = request.param
    wires = f"app.protocols={wire}"
    sets = [wires, f"server.protocols={wire}"]
    server = lab.serve(Greeter("a", lab.clock), name="server", sets=sets)
    client = lab.consumer(wires, f"client.protocols={wire}", "retry.plugin=never", name="client")
    return lab, server, client


def test_impatient_clients_are_not_hostile(scene):
    """
    Calls begun and cancelled while the server was away leave the others their connection.
    """
    lab, server, client = scene
    greeter = client.application.client(Greeter)
    assert "hello bob" == lab.run(greeter.say("bob"))
    before = server.network.connections
    patient = lab.begin(greeter.slow(10, timeout="60s"))
    lab.advance(0.1)
    lab.pause(server, PAUSE_S)
    impatient = []
    for _ in range(300):
        impatient.append(lab.begin(greeter.say("bob", timeout="100ms")))
        lab.advance(0.005)
    later = lab.begin(greeter.say("ann", timeout="10s"))
    for running in impatient:
        with pytest.raises(CallError) as failed:
            lab.finish(running)
        assert Status.DEADLINE_EXCEEDED is failed.value.status

    assert "hello ann" == lab.finish(later)
    assert lab.finish(patient)
    assert before == server.network.connections


def test_a_client_that_was_away_reads_its_answers(scene):
    """
    Answers that came in time are there, though the client was away when time was over.
    """
    lab, _, client = scene
    greeter = client.application.client(Greeter)
    lab.run(greeter.say("bob"))
    running = lab.begin(greeter.slow(0.5, timeout="1s"))
    lab.advance(0.1)
    lab.pause(client, PAUSE_S)

    assert "a" == lab.finish(running)
    assert lab.clock.seconds() >= PAUSE_S
