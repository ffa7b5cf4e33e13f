"""
The calls that failed or were slow.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import Unavailable
from rpcfw.spi.runtime.recent_calls import MAX_TEXT, RecentCalls
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.values.phases import Phases
from rpcfw.values.slowness import Slowness
from rpcfw.values.trace_context import TraceContext

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


class Kept:
    """
    What is kept of calls that end on a clock.
    """

    def __init__(self, **options):
        self.clock = Clock()
        self.clock.advance(100)
        self.calls = RecentCalls(self.clock.seconds, lambda: 1e9 + self.clock.seconds(), **options)

    def end(self, took_s=0.0, status=Status.OK, error=None, side="client", call=None):
        call = call or a_call()
        self.clock.advance(took_s)
        if status is Status.OK:
            self.calls.succeeded(side, call, took_s)
        else:
            self.calls.failed(side, call, status, took_s, error)


def test_what_is_known_of_a_failed_call():
    """
    An entry says which call failed, when, how, where its time went, and in which trace.
    """
    kept, call = Kept(), a_call()
    call.deadline, call.peer, call.attempt, call.trace = 103.0, "tcp:10.0.0.1:2200", 2, TRACE
    call.phases = Phases()
    call.phases.connect = 0.25
    error = Unavailable("it is gone", hints=Hint.NEVER_SENT)
    kept.end(0.5, Status.UNAVAILABLE, error, call=call)
    (entry,) = kept.calls.all()
    assert ("client", call.method.service, call.method.name) == (
        entry.side,
        entry.service,
        entry.method,
    )
    assert (Status.UNAVAILABLE, "it is gone", Hint.NEVER_SENT) == (
        entry.status,
        entry.message,
        entry.hints,
    )
    assert ("tcp:10.0.0.1:2200", 2, 0.5, 3.0) == (
        entry.peer,
        entry.attempts,
        entry.took_s,
        entry.limit_s,
    )
    assert (1e9 + 100.5, (("connect", 0.25),), TRACE.trace_id) == (
        entry.ended_at,
        entry.phases,
        entry.trace_id,
    )


@pytest.mark.parametrize(
    ("took_s", "limit_s", "slow"),
    [(1.0, 10.0, True), (0.99, 10.0, False), (0.2, 0.25, True), (0.1, 0.25, False)],
)
def test_which_calls_are_slow(took_s, limit_s, slow):
    """
    A call that succeeded is kept if it took long, or most of the time that it had.
    """
    kept, call = Kept(), a_call()
    call.deadline = kept.clock.seconds() + limit_s
    kept.end(took_s, call=call)
    assert slow == bool(kept.calls.all())


def test_no_limits():
    """
    Without limits no call is slow, however long it takes.
    """
    kept, call = Kept(slowness=Slowness(float("inf"), 0.0)), a_call()
    call.deadline = kept.clock.seconds() + 1
    kept.end(1000.0, call=call)
    assert kept.calls.slowness.min_s == float("inf")
    assert not kept.calls.all()


def test_the_last_ones_are_kept():
    """
    Old entries go as others come; those of one kind displace none of another kind.
    """
    kept = Kept(max_calls=3)
    kept.end(2.0)
    kept.end(0.1, Status.INTERNAL, side="server")
    for _ in range(10):
        kept.end(0.1, Status.UNAVAILABLE)
    assert [12, 11, 10, 2, 1] == [each.number for each in kept.calls.all()]


def test_old_ones_are_not_shown():
    """
    After a while an entry is gone.
    """
    kept = Kept(keep_s=60.0)
    kept.end(0.1, Status.INTERNAL)
    kept.clock.advance(59)
    assert kept.calls.all()
    kept.clock.advance(2)
    assert not kept.calls.all()


def test_none():
    """
    With room for none, none are kept.
    """
    kept = Kept(max_calls=0)
    kept.end(0.1, Status.INTERNAL)
    assert not kept.calls.all()


def test_texts_are_bounded():
    """
    A long message is cut, and of a bug only the kind is kept.
    """
    kept = Kept()
    kept.end(0.1, Status.UNAVAILABLE, Unavailable("x" * 10_000))
    kept.end(0.1, Status.UNKNOWN, KeyError("a password"))
    assert ["KeyError", "x" * MAX_TEXT] == [each.message for each in kept.calls.all()]
