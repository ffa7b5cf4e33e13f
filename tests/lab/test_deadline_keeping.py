"""
Calls that are ended at their deadline from below, and others from above: the same becomes of both.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Service, Status, method
from rpcfw.errors import Unavailable
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.readings import read
from rpcfw.spi.runtime.waiting import CANCELLED, with_deadline
from rpcfw.status import Hint
from rpcfw.testing.lab import Lab
from tests.lab.services import Greeter, Streams


class Through(Filter):
    """
    Does nothing. Nothing is known of its waits, so calls through it are ended from above it.
    """

    async def apply(self, call, proceed):
        return await proceed(call)


class Outer(Service, name="demo.Outer"):
    """
    Makes a nested call.
    """

    greeter = None

    @method(idempotent=True)
    async def ask(self, seconds: float) -> str:
        return await self.greeter.slow(seconds, timeout=60)


THROUGH = "plugins.filters.through=tests.lab.test_deadline_keeping:Through"
#: Where the filter stands; the first is what the others are compared with.
FORMS = {
    "none": (),
    "call": (THROUGH, "client.insert=through after DEADLINE"),
    "attempt": (THROUGH, "client.insert=through after ATTEMPT_DEADLINE"),
    "both": (THROUGH, "client.insert=through after USER, through after BREAKER"),
}


#: What is not compared: times, and bytes. A server ends a call at the deadline, too: whether it is
#: faster than the CANCEL of its client may differ.
VARYING = "_seconds", "_bytes_total"


class World:
    """
    A few servers and a client.
    """

    def __init__(self, lab, *sets, nodes=2):
        self.lab = lab
        self.greeters = [Greeter(name, lab.clock) for name in "abc"[:nodes]]
        self.servers = [
            lab.serve(each, Streams(lab.clock), name=each.name, sets=("limits.max_calls=2",))
            for each in self.greeters
        ]
        self.consumer = lab.consumer(*sets)
        self.client = self.consumer.application.client(Greeter)
        self.streams = self.consumer.application.client(Streams)

    def outcome(self, running):
        """
        Return all that can be seen of a call and its traces.
        """
        began = self.lab.clock.seconds()
        try:
            ended = self.lab.finish(running) if hasattr(running, "done") else self.lab.run(running)
        except CallError as error:
            ended = type(error), error.message, error.status, error.hints
        except CANCELLED:
            ended = "cancelled"
        took_s = self.lab.clock.seconds() - began
        self.lab.advance(0.1)
        done = [(each.begun, each.ended) for each in self.greeters]
        readings = read(self.consumer.application.runtime.plugin_context.meter)
        counts = {
            (one.name, labels): value
            for one in readings
            if one.name.startswith("rpcfw_client_") and not one.name.endswith(VARYING)
            for labels, value in one.values
        }
        nodes = [node for each in self.consumer.application.clients for node in each.nodes]
        health = [(node.peer, node.failures, node.overran, node.in_flight) for node in nodes]
        return ended, round(took_s, 2), done, counts, health


def in_time(world):
    return [world.outcome(world.client.say("bob"))]


def too_late(world):
    return [world.outcome(world.client.slow(10, timeout=1)), world.outcome(world.client.say("x"))]


def one_attempt_too_late(world):
    return [world.outcome(world.client.slow(10, timeout=1)) for _ in range(2)]


def fails_until_the_deadline(world):
    for each in world.greeters:
        each.error = Unavailable("not now", hints=Hint.SAFE_TO_REPEAT)
    return [world.outcome(world.client.who(timeout=1)) for _ in range(2)]


def works_at_the_second(world):
    world.greeters[0].error = Unavailable("not now", hints=Hint.SAFE_TO_REPEAT)
    return [world.outcome(world.client.who()) for _ in range(4)]


def cancelled_by_its_caller(world):
    running = world.lab.begin(world.client.slow(10, timeout=5))
    world.lab.advance(0.5)
    running.cancel()
    return [world.outcome(running)]


def waits_for_capacity(world):
    others = [world.lab.begin(world.client.slow(3, timeout=5)) for _ in range(4)]
    world.lab.advance(0.01)
    found = [world.outcome(world.client.say("bob", timeout=1))]
    found.append(world.outcome(world.client.say("bob", timeout=4)))
    return found + [world.outcome(each) for each in others]


def nobody_answers(world):
    for each in world.servers:
        world.lab.pause(each, 3)
    return [world.outcome(world.client.say("bob", timeout=1)), world.outcome(world.client.say("x"))]


def a_stream(world):
    async def read_all():
        return [message async for message in world.streams.fill(3, 1, timeout=2)]

    return [world.outcome(read_all())]


def a_server_dies(world):
    running = world.lab.begin(world.client.slow(2, timeout=5))
    world.lab.advance(0.1)
    world.lab.kill(world.servers[0])
    return [world.outcome(running)]


SCENARIOS = {
    in_time: (),
    too_late: ("balancer.plugin=p2c",),
    one_attempt_too_late: ("client.attempt_timeout=300ms",),
    fails_until_the_deadline: ("retry.max_attempts=50", "retry.initial_backoff=90ms"),
    works_at_the_second: ("balancer.plugin=round_robin",),
    cancelled_by_its_caller: (),
    waits_for_capacity: ("connection.max_connections=1",),
    nobody_answers: (),
    a_stream: (),
    a_server_dies: (),
}


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_the_same_becomes_of_calls(scenario, reactor):
    """
    Who ends a call at its deadline makes no difference to its results, metrics and nodes.
    """
    found = {}
    for form, inserts in FORMS.items():
        with Lab(reactor=reactor) as lab:  # each with the same random numbers
            found[form] = scenario(World(lab, *SCENARIOS[scenario], *inserts))

    for form in FORMS:
        assert found["none"] == found[form], form


@pytest.mark.parametrize("form", FORMS)
def test_the_wait_for_the_list_ends_at_the_deadline(lab, form):
    """
    A call that waits for the first list of instances ends at its deadline, as never sent.
    """
    lab.registry.away = True
    consumer = lab.consumer(*FORMS[form])
    began = lab.clock.seconds()

    with pytest.raises(CallError) as caught:
        lab.run(consumer.application.client(Greeter).say("bob", timeout=1))

    assert (Status.DEADLINE_EXCEEDED, Hint.NEVER_SENT) == (caught.value.status, caught.value.hints)
    assert 1 == pytest.approx(lab.clock.seconds() - began, abs=0.02)


@pytest.mark.parametrize(("form", "above"), [("none", 0), ("call", 1), ("attempt", 0), ("both", 1)])
def test_the_default_chain_is_ended_from_below(lab, monkeypatch, form, above):
    """
    Without filters of which nothing is known, the DEADLINE filter watches no call itself.
    """
    watched = []

    def watching(*arguments):
        watched.append(arguments)
        return with_deadline(*arguments)

    monkeypatch.setattr("rpcfw.filters.deadline.with_deadline", watching)
    lab.serve(Greeter())
    assert "hello bob" == lab.run(lab.consumer(*FORMS[form]).application.client(Greeter).say("bob"))

    assert above == len(watched)
