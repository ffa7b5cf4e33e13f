"""
The lines of the access log.
"""

from __future__ import annotations

import json
from math import inf

import pytest

from rpcfw.app.access_log.lines import FIELDS, JSONLines, TextLines
from rpcfw.status import Hint, Status
from rpcfw.values.phases import Phases
from rpcfw.values.trace_context import TraceContext
from tests.unit.app.access_log.calls import a_logged_call

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")
SOME = ("time", "side", "status", "service", "method", "peer", "took_ms", "request_bytes")


def in_text(call, fields=SOME):
    lines = TextLines(fields)
    lines.offset_s = 1_000_000_000.0
    return lines.line(call)


def in_json(call, fields=FIELDS):
    lines = JSONLines(fields)
    lines.offset_s = 1_000_000_000.0
    return json.loads(lines.line(call))


def test_a_line_of_text():
    """
    A line has the chosen fields in their order.
    """
    assert (
        "time=2001-09-09T01:46:40.250Z side=server status=OK service=demo.Greeter method=say "
        "peer=10.0.0.7:35252 took_ms=1.500 request_bytes=34\n"
    ) == in_text(a_logged_call())


def test_every_field():
    """
    A call that failed shows all that is known of it.
    """
    phases = Phases()
    phases.connect = 0.5
    call = a_logged_call(
        side="client",
        status=Status.UNAVAILABLE,
        slow=True,
        identity=("dns:a", "dns:b"),
        attempts=2,
        message="it is gone",
        hints=Hint.NEVER_SENT,
        trace=TRACE,
        phases=phases,
        number=7,
    )
    assert {
        "time": "2001-09-09T01:46:40.250Z",
        "side": "client",
        "status": "UNAVAILABLE",
        "service": "demo.Greeter",
        "method": "say",
        "peer": "10.0.0.7:35252",
        "caller": "shop",
        "identity": "dns:a, dns:b",
        "took_ms": 1.5,
        "limit_ms": 3000.0,
        "attempts": 2,
        "request_bytes": 12,
        "response_bytes": 34,
        "slow": True,
        "phases_ms": {"connect": 500.0},
        "message": "it is gone",
        "hints": "NEVER_SENT",
        "call": 7,
        "trace_id": TRACE.trace_id,
        "span_id": TRACE.span_id,
    } == in_json(call)


def test_empty_fields_are_left_out():
    """
    What is not known of a call is not in its line.
    """
    call = a_logged_call(peer="", caller="", limit_s=inf, sizes=(0, 0))
    assert {"time", "side", "status", "service", "method", "took_ms"} == set(in_json(call))


@pytest.mark.parametrize(
    ("peer", "shown"),
    [
        ("a b", '"a b"'),
        ('say "x"', '"say \\"x\\""'),
        ("a=b", '"a=b"'),
        ("x\ny", '"x\\\\x0ay"'),
        ("\x1b[31m", '"\\\\x1b[31m"'),
        ("gr\u00fcn", "gr\u00fcn"),
    ],
)
def test_text_is_escaped(peer, shown):
    """
    Nothing of a peer's ends a value, a line, or drives a terminal.
    """
    assert f"peer={shown} " in in_text(a_logged_call(peer=peer))


def test_long_texts_are_cut():
    """
    A value has a bounded length.
    """
    line = in_text(a_logged_call(peer="p" * 100_000))
    assert "p" * 300 + "... " in line
    assert len(line) < 1000


def test_phases_of_slow_and_failed_calls():
    """
    Of a call that succeeded in time nobody asks where its time went.
    """
    phases = Phases()
    phases.method = 0.001
    assert "phases_ms" not in in_json(a_logged_call(phases=phases))
    assert in_json(a_logged_call(phases=phases, slow=True))["phases_ms"]
    assert in_json(a_logged_call(phases=phases, status=Status.INTERNAL))["phases_ms"]
    text = in_text(a_logged_call(phases=phases, slow=True), ("phases_ms",))
    assert 'phases_ms="method 1.000"\n' == text


def test_missing_lines():
    """
    A line says how many are missing.
    """
    assert {"time": "1970-01-01T00:00:02.500Z", "dropped": 17} == json.loads(
        JSONLines(SOME).dropped(2.5, 17)
    )
    assert "time=1970-01-01T00:00:02.500Z dropped=17\n" == TextLines(SOME).dropped(2.5, 17)
