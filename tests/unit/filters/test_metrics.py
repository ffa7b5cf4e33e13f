"""
The counting filter, with scripted steps.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from rpcfw.errors import Unavailable
from rpcfw.filters.metrics import ClientMetrics, ServerMetrics
from rpcfw.spi.inspection import Calls
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.metrics import Counter, Meter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.testing.scripted import Scripted
from rpcfw.values.method import Shape
from rpcfw.values.trace_context import TraceContext


class Counting:
    """
    One filter, and what its meter says.
    """

    def __init__(self, kind=ClientMetrics, **others):
        self.clock = Clock()
        self.around = plugin_context(self.clock, **others)
        self.filter = kind(NoOptions(), self.around)

    def begin(self, answer, call=None):
        running = spawn(self.filter.apply(call or a_call(), Scripted(answer)))
        running.addErrback(lambda _: None)
        return running

    @property
    def ended(self):
        family = next(one for one in self.around.meter if one.name.endswith("_calls_total"))
        return {labels[-1]: one.value for labels, one in family if one.value}

    def of_other(self, name):
        """
        Return how many calls of further methods a family has counted.
        """
        family = next(one for one in self.around.meter if one.name == name)
        (member,) = (one for labels, one in family if "other" in labels)
        return member.value if isinstance(member, Counter) else sum(member.counts)

    @property
    def in_flight(self):
        family = next(one for one in self.around.meter if one.name.endswith("_in_flight"))
        return sum(one.value for _, one in family)


@pytest.mark.parametrize(
    ("answer", "status"),
    [("good", "OK"), (Unavailable("x"), "UNAVAILABLE"), (KeyError("x"), "UNKNOWN")],
)
def test_how_it_ended(answer, status):
    """
    A call is counted by its status; a bug counts as UNKNOWN.
    """
    counting = Counting()
    counting.begin(answer)
    assert ({status: 1}, 0) == (counting.ended, counting.in_flight)


@pytest.mark.parametrize(("after_s", "status"), [(1, "CANCELLED"), (5, "DEADLINE_EXCEEDED")])
def test_given_up(after_s, status):
    """
    A served call that is cancelled counts as what its peer was told: why.
    """
    counting = Counting(ServerMetrics)
    call = a_call()
    call.deadline = 5.0
    running = counting.begin(Deferred(), call)
    assert 1 == counting.in_flight
    counting.clock.advance(after_s)
    running.cancel()
    assert ({status: 1}, 0) == (counting.ended, counting.in_flight)


def test_a_stream_counts_until_its_end():
    """
    A streaming call is in flight until its stream has ended.
    """
    counting = Counting()
    call = a_call()
    call.method = evolve(call.method, shape=Shape.SERVER_STREAM)
    counting.begin("a stream", call)
    assert ({}, 1) == (counting.ended, counting.in_flight)
    call.end(Status.ABORTED)
    call.end(Status.OK)
    assert ({"ABORTED": 1}, 0) == (counting.ended, counting.in_flight)


def test_a_stream_that_ended_while_it_was_handed_up():
    """
    A stream whose end came before this filter saw it is counted all the same.
    """
    counting = Counting()
    call = a_call()
    call.method = evolve(call.method, shape=Shape.SERVER_STREAM)
    call.end(Status.OK)
    counting.begin("a stream", call)
    assert ({"OK": 1}, 0) == (counting.ended, counting.in_flight)


def test_all_in_one() -> None:
    """
    Calls of all methods together: how many began, ended well and badly, and when the last was.
    """
    counting = Counting()
    assert (Calls(), None) == (counting.filter.calls, counting.filter.last_call_at)
    other = a_call()
    other.method = evolve(other.method, name="other")
    counting.begin("ok")
    counting.begin(Unavailable("no"), other)
    counting.clock.advance(5)
    # Held, or the garbage collector would end the call that waits for it.
    waited_for: Deferred[str] = Deferred()
    counting.begin(waited_for, other)

    assert Calls(started=3, succeeded=1, failed=1) == counting.filter.calls
    assert 5.0 == counting.filter.last_call_at


def test_made_up_names() -> None:
    """
    A program that calls names without end makes no more series than the limit; all are counted.
    """
    counting = Counting(meter=Meter(max_series=3))
    for number in range(100):
        call = a_call()
        call.method = evolve(call.method, name=f"made_up_{number}")
        counting.begin(Unavailable("x") if number % 2 else "ok", call)

    for family in counting.around.meter:
        methods = {labels[1] for labels, _ in family}
        assert {"made_up_0", "made_up_1", "made_up_2", "other"} == methods
    assert Calls(100, 50, 50) == counting.filter.calls
    assert 0 == counting.in_flight


def test_clients_of_several_services() -> None:
    """
    They share the limit: each method has all its numbers under one name, or all under ``other``.
    """
    meter = Meter(max_series=3)
    clients = [Counting(meter=meter) for _ in range(2)]
    for number in range(8):
        call = a_call()
        call.method = evolve(call.method, service=f"demo.S{number % 2}", name=f"m{number}")
        clients[number % 2].begin("ok", call)

    known = {("demo.S0", "m0"), ("demo.S1", "m1"), ("demo.S0", "m2"), ("other", "other")}
    for family in meter:
        assert known == {labels[:2] for labels, _ in family}
    assert 5 == clients[0].of_other("rpcfw_client_calls_total")
    assert 5 == clients[1].of_other("rpcfw_client_call_seconds")


def test_a_method_object_for_each_call() -> None:
    """
    A program that makes a new `Method` for each call is counted by its names, in bounded memory.
    """
    counting = Counting(meter=Meter(max_series=3))
    for _ in range(10):
        call = a_call()
        call.method = evolve(call.method)
        counting.begin("ok", call)

    assert {"OK": 10} == counting.ended
    assert len(counting.filter.methods) <= 3


def test_zero_before_the_first_success() -> None:
    """
    A method has its OK counter from its first call on: a rate of successes that is 0 is seen.
    """
    counting = Counting()
    counting.begin(Unavailable("x"))
    family = next(one for one in counting.around.meter if one.name.endswith("_calls_total"))
    assert {"OK": 0, "UNAVAILABLE": 1} == {labels[-1]: one.value for labels, one in family}


@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("answer", ["ok", Unavailable("x")])
def test_exemplars(answer: object, sampled: bool) -> None:
    """
    A call whose trace is recorded leaves its ids at its bucket; one whose trace is not, none.
    """
    counting = Counting()
    call = a_call()
    call.trace = TraceContext("a" * 32, "b" * 16, sampled)
    counting.begin(answer, call)

    ((_, histogram),) = next(one for one in counting.around.meter if one.name.endswith("_seconds"))
    kept = [(one.trace_id, one.span_id) for one in (histogram.exemplars or {}).values()]
    assert ([("a" * 32, "b" * 16)] if sampled else []) == kept
