"""
The lines of calls that succeeded in time.
"""

from __future__ import annotations

import gc
import json
from math import inf
from weakref import ref

import pytest
from twisted.internet.task import Clock

from rpcfw.app.access_log.lines import FIELDS, JSONLines, TextLines
from rpcfw.app.access_log.success_lines import SuccessLines
from rpcfw.status import Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.logged_call import CALLER, PHASES, logged_call
from rpcfw.values.trace_context import TraceContext
from tests.unit.app.access_log.calls import a_logged_call, succeeded

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
#: The time of day at which the process began.
BEGAN = 1_000_000_000.0


class Made:
    """
    The lines of one side, and what makes the same ones from parts.
    """

    def __init__(self, kind, fields=FIELDS, side="server"):
        self.clock = Clock()
        self.ahead_s = BEGAN
        context = plugin_context(
            self.clock, time_of_day=lambda: self.clock.seconds() + self.ahead_s
        )
        self.side = side
        self.parts = kind(fields)
        self.fast = SuccessLines(side, kind(fields), context)

    def both(self, call):
        """
        Return the line of a call, and that from parts.
        """
        self.parts.offset_s = self.ahead_s
        return self.fast.line(*succeeded(call)).decode(), self.parts.line(call)


@pytest.mark.parametrize("kind", [TextLines, JSONLines])
@pytest.mark.parametrize("side", ["server", "client"])
@pytest.mark.parametrize(
    "fields",
    [
        FIELDS,
        ("took_ms", "time", "caller", "peer"),
        ("limit_ms",),
        ("status", "caller"),
        ("span_id", "response_bytes", "request_bytes", "trace_id"),
    ],
)
def test_templates_change_nothing(kind, side, fields):
    """
    Whatever the fields and their order, a line says what one that is made from parts says.
    """
    made = Made(kind, fields, side)
    calls = [
        {},
        {"peer": "", "trace": TRACE},
        {"caller": "{0} %s %%", "attempts": 3, "limit_s": inf},
        {"caller": '"%b"', "sizes": (0, 5), "identity": ("dns:%d",)},
        {"trace": TRACE, "peer": "%b\n\ud800", "sizes": (5, 0)},
    ]
    # In steps that a float has exactly: otherwise the last digit may be rounded either way.
    for number in range(2 * len(calls)):
        facts = calls[number % len(calls)]
        call = a_logged_call(side=side, ended_at=number + 0.5, took_s=(number + 1) / 64, **facts)
        fast, parts = made.both(call)
        assert parts == fast


def test_milliseconds():
    """
    The time of a line is that of its call, also of the last one in a millisecond or a second.
    """
    made = Made(JSONLines, ("time",))
    for quarter in range(0, 4 * 1024 * 2, 5):
        fast, parts = made.both(a_logged_call(ended_at=quarter / 4096))
        assert parts == fast


def test_the_time_of_day_is_set():
    """
    A second after the time of day was set, lines have the new one.
    """
    made = Made(JSONLines, ("time",))
    made.both(a_logged_call(ended_at=0.5))
    made.ahead_s -= 86400
    fast, parts = made.both(a_logged_call(ended_at=1.5))
    assert parts == fast
    assert "2001-09-08" in fast


def test_what_callers_make_up_is_forgotten():
    """
    Whatever callers name themselves, and wherever they connect from, what is kept is bounded.
    """
    made = Made(JSONLines)
    for number in range(3000):
        call = a_logged_call(caller=f"c{number}", peer=f"10.0.0.7:{number}")
        read = json.loads(made.both(call)[0])
        assert (f"c{number}", f"10.0.0.7:{number}") == (read["caller"], read["peer"])
    assert len(made.fast.templates) <= 1024
    assert len(made.fast.peers) <= 1024


class Name(str):
    """
    A name of which it can be seen whether it is still kept.
    """

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize("status", [Status.OK, Status.INTERNAL])
def test_long_names_are_not_kept(status):
    """
    A caller with a long name does not have it kept, whichever way its line is made.
    """
    made = Made(JSONLines, ("caller",))
    name = Name("x" * 5000)
    kept = ref(name)
    call = a_logged_call(caller=name, status=status)
    if status is Status.OK:
        assert len(made.fast.line(*succeeded(call))) < 400
    assert len(made.parts.line(call)) < 400
    waits = logged_call(*succeeded(call)[:1], "server", (0.0, 1.0), status, call[PHASES])
    del name, call
    gc.collect()
    assert kept() is None
    assert waits[CALLER]
