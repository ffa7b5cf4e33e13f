"""
Whatever peers say, one call is one line of the access log.
"""

from __future__ import annotations

import json
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.app.access_log.lines import FIELDS, JSONLines, TextLines
from rpcfw.app.access_log.success_lines import SuccessLines
from rpcfw.printable import is_plain
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from tests.unit.app.access_log.calls import a_logged_call, succeeded

#: What may end a line, a value or a template, or drive a terminal.
HOSTILE = '\n\r\0\x1b{}%"\\= \u2028\u202e\ud800a'
TEXT = st.text(max_size=400) | st.text(alphabet=HOSTILE, max_size=40)
CALLS = st.builds(
    a_logged_call,
    peer=TEXT,
    caller=TEXT,
    message=TEXT,
    identity=st.lists(TEXT, max_size=2).map(tuple),
    status=st.sampled_from(Status),
    hints=st.sampled_from(Hint),
    slow=st.booleans(),
    took_s=st.floats(0, 1e6),
    limit_s=st.floats(0, 1e9) | st.just(inf),
    attempts=st.integers(0, 5),
)


@given(st.lists(CALLS, min_size=1, max_size=4))
def test_one_call_is_one_line(calls):
    """
    Each line ends where it should, has no control character, and is JSON with what was said.
    """
    lines = JSONLines(FIELDS), TextLines(FIELDS)
    for call in calls:
        in_json, in_text = (each.line(call) for each in lines)
        for line in in_json, in_text:
            assert line.endswith("\n")
            assert is_plain(line[:-1])
            line.encode()
        read = json.loads(in_json)
        assert call[3].name == read["status"]
        caller = call[8].encode("utf-8", "replace").decode()
        assert caller[:300] == read.get("caller", "")[:300]
        assert read.get("caller", "") in (caller, caller[:300] + "...")


@given(st.lists(CALLS, min_size=1, max_size=4))
def test_so_are_those_that_succeed(calls):
    """
    The same is true of the lines that are made from templates.
    """
    for kind in JSONLines, TextLines:
        lines = SuccessLines("server", kind(FIELDS), plugin_context())
        for call in calls * 2:
            line = lines.line(*succeeded(call)).decode()
            assert line.endswith("\n")
            assert is_plain(line[:-1])
            if kind is JSONLines:
                caller = call[8].encode("utf-8", "replace").decode()
                assert caller[:300] == json.loads(line).get("caller", "")[:300]
