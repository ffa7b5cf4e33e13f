"""
Providers that a rule takes out of the registry, and that serve on.
"""

from __future__ import annotations

import pytest
from twisted.logger import capturedLogs, formatEvent

from rpcfw import Service, method
from rpcfw.errors import NoInstances
from rpcfw.server.phases import ServerPhase
from rpcfw.values.rule import Author, service_scope
from tests.lab.services import Greeter

GREETER = service_scope("demo.Greeter")
OPS = Author("ops@here", "repairs")


class Other(Service, name="demo.Other"):
    @method(idempotent=True)
    async def ping(self) -> str:
        return "pong"


@pytest.fixture
def operator(lab):
    """
    A process that changes rules.
    """
    return lab.consumer(name="operator")


def put(lab, operator, *lines):
    """
    Store a document of instances.
    """
    rules = operator.application.rules
    found = lab.run(rules.read(GREETER)).documents.get("instances")
    body = "\n".join(lines)
    version = 0 if found is None else found.version
    lab.run(rules.put(GREETER, "instances", body, version, OPS))
    lab.advance(0.1)


def remove(lab, operator):
    rules = operator.application.rules
    version = lab.run(rules.read(GREETER)).documents["instances"].version
    lab.run(rules.remove(GREETER, "instances", version, OPS))
    lab.advance(0.1)


def offline(name):
    return f"[instance {name}]", "offline = yes"


def listed(lab, service="demo.Greeter"):
    return [one.id for one in lab.registry.instances(service)]


def phase(process):
    return process.application.server.phases.phase


@pytest.mark.parametrize("by", ["id", "address"])
def test_offline_and_online(lab, operator, by):
    """
    An instance leaves the registry, ends its open calls, serves who knows it, and comes back.
    """
    process = lab.serve(Greeter("a", lab.clock), name="a")
    (before,) = lab.registry.instances("demo.Greeter")
    client = lab.client(Greeter)
    held = lab.begin(client.slow_write(2))
    lab.advance(0.5)
    name = before.id if by == "id" else str(before.address)
    put(lab, operator, *offline(name))
    assert ([], ServerPhase.OFFLINE) == (listed(lab), phase(process))
    assert "a" == lab.finish(held)
    # The consumer keeps the last list: an empty one may be a mistake of the registry's.
    assert "a" == lab.run(client.who())
    with pytest.raises(NoInstances):
        lab.run(lab.consumer().application.client(Greeter).who())

    remove(lab, operator)
    assert (before,) == lab.registry.instances("demo.Greeter")
    assert ServerPhase.ANNOUNCED is phase(process)
    assert "a" == lab.run(client.who())


def test_nothing_is_lost_when_one_goes_offline(lab, operator):
    """
    No call of a method that may not repeat fails while instances go offline and come back.
    """
    for name in "ab":
        lab.serve(Greeter(name, lab.clock), name=name)
    client = lab.client(Greeter)
    calls = []
    for number in range(40):
        calls += [lab.begin(client.slow_write(0.2)) for _ in range(5)]
        lab.advance(0.05)
        if number % 10 == 3:
            put(lab, operator, *offline("memory:a"))
        if number % 10 == 8:
            remove(lab, operator)
    lab.advance(1)
    assert {"a", "b"} == {call.value for call in calls}
    put(lab, operator, *offline("memory:a"))
    lab.advance(5)  # [client] removal_grace
    assert {"b"} == {lab.run(client.who()) for _ in range(50)}


def test_a_restart_by_address(lab, operator):
    """
    A rule for an address holds after a restart: the instance is not announced for a moment.
    """
    first = lab.serve(Greeter("a", lab.clock), name="a")
    put(lab, operator, *offline("memory:a"))
    lab.stop(first)
    seen = []
    put_in_registry = lab.registry.put
    lab.registry.put = lambda instance: (seen.append(instance), put_in_registry(instance))
    second = lab.serve(Greeter("a", lab.clock), name="a")
    lab.advance(5)
    assert ([], [], ServerPhase.OFFLINE) == (seen, listed(lab), phase(second))
    remove(lab, operator)
    assert 1 == len(listed(lab))


def test_a_restart_by_id(lab, operator):
    """
    A rule for an id ends with the process.
    """
    first = lab.serve(Greeter("a", lab.clock), name="a")
    put(lab, operator, *offline(listed(lab)[0]))
    assert [] == listed(lab)
    lab.stop(first)
    lab.serve(Greeter("a", lab.clock), name="again")
    assert 1 == len(listed(lab))


def test_the_registry_away(lab, operator):
    """
    What is offline stays so when the registry was away; what is put meanwhile is followed then.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    lab.serve(Greeter("b", lab.clock), name="b")
    put(lab, operator, *offline("memory:a"))
    lab.registry.leave()
    lab.advance(30)
    lab.registry.come_back()
    lab.advance(1)
    assert ["memory:b"] == [str(one.address) for one in lab.registry.instances("demo.Greeter")]


def test_a_start_without_the_registry(lab, operator):
    """
    A provider starts within announce_timeout, and follows the rule when the registry is there.
    """
    put(lab, operator, *offline("memory:a"))
    lab.registry.leave()
    process = lab.process("a", [Greeter("a", lab.clock)], "server.announce_timeout=4s")
    began_at = lab.clock.seconds()
    lab.start(process)
    assert 4 == pytest.approx(lab.clock.seconds() - began_at, abs=0.1)
    assert ServerPhase.READY is phase(process)
    lab.registry.come_back()
    lab.advance(1)
    assert ([], ServerPhase.OFFLINE) == (listed(lab), phase(process))
    remove(lab, operator)
    assert 1 == len(listed(lab))


def test_one_service_of_two(lab, operator):
    """
    A rule is for one service; the server is offline when all of its services are.
    """
    process = lab.serve(Greeter("a", lab.clock), Other(), name="a")
    put(lab, operator, *offline("memory:a"))
    assert ([], 1) == (listed(lab), len(listed(lab, "demo.Other")))
    assert ServerPhase.ANNOUNCED is phase(process)


def test_a_wrong_document(lab, operator):
    """
    It changes nothing, and is one line in the log of the provider.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    put(lab, operator, *offline("memory:a"))
    with capturedLogs() as logged:
        put(lab, operator, "[instance memory:a]", "offline = perhaps")
        lab.advance(5)
    assert [] == listed(lab)
    (line,) = [text for text in map(formatEvent, logged) if "the last ones stay" in text]
    assert "instances of service demo.Greeter, version 2" in line
    assert ":2: " in line


def test_the_log(lab, operator):
    """
    The log says who has taken an instance offline, and why.
    """
    lab.serve(Greeter("a", lab.clock), name="a")
    with capturedLogs() as logged:
        put(lab, operator, *offline("memory:a"))
        remove(lab, operator)
    lines = [text for text in map(formatEvent, logged) if "demo.Greeter at" in text]
    place = "instances of service demo.Greeter, version 1, put by ops@here: repairs"
    assert [
        f"demo.Greeter at memory:a is offline by {place}: calls are served",
        "announced demo.Greeter at memory:a",
    ] == lines


def test_a_process_that_follows_no_rules(lab, operator):
    """
    ``[rules] plugin = none`` is for providers, too.
    """
    lab.serve(Greeter("a", lab.clock), name="a", sets=("rules.plugin=none",))
    put(lab, operator, *offline("memory:a"))
    assert 1 == len(listed(lab))


def test_explain_says_what_is_offline(lab, operator):
    """
    Who wonders where an instance is finds the rule.
    """
    for name in "ab":
        lab.serve(Greeter(name, lab.clock), name=name)
    consumer = lab.consumer()
    put(lab, operator, *offline("memory:a"))
    explanation = lab.run(consumer.application.explain(Greeter.who))
    expected = "offline by instances of service demo.Greeter, version 1: memory:a"
    assert expected in explanation.note
