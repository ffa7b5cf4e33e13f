"""
The page of slow and failed calls.
"""

from __future__ import annotations

import pytest

from rpcfw.admin.rendering.json_text import plain
from rpcfw.errors import Unavailable
from rpcfw.spi.page import PageRefused
from rpcfw.spi.plugin import NoOptions
from rpcfw.status import Status
from rpcfw.testing.contracts.builtin import FixedInspection
from rpcfw.testing.contracts.page import FixedProcess, PageContract, asked
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import Call
from rpcfw.values.method import Method, Shape
from rpcfw.values.trace_context import TraceContext
from rpcfw_pages.calls import RecentCallsPage

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", True)


class TestCallsContract(PageContract):
    def make(self):
        return RecentCallsPage(NoOptions(), plugin_context())


class Recent(FixedInspection):
    """
    Shows what a plugin context has kept.
    """

    def __init__(self, context):
        super().__init__()
        self.context = context

    def recent_calls(self):
        return self.context.recent_calls.all()


def context():
    made = plugin_context()
    recent = made.recent_calls
    failed = Call(
        Method("demo.Shop", "get", Shape.UNARY, bytes, bytes, "raw"),
        None,
        peer="10.0.0.9:4711",
        deadline=3.0,
    )
    failed.trace = TRACE
    recent.failed("server", failed, Status.UNAVAILABLE, 0.1, Unavailable("no stock"))
    slow = Call(Method("demo.Cart", "add", Shape.UNARY, bytes, bytes, "raw"), None)
    recent.succeeded("client", slow, 2.0)
    return made


def rows(**query):
    made = context()
    page = RecentCallsPage(NoOptions(), made)
    return plain(asked(page, FixedProcess(Recent(made)), query))["calls"]


def test_what_is_shown_of_a_call():
    """
    How it ended and why, how long it took of which limit, and whose it was.
    """
    (row,) = rows(kind="failed")

    assert ("demo.Shop", "get", "server") == (row["service"], row["method"], row["side"])
    assert ("UNAVAILABLE", "no stock") == (row["status"], row["message"])
    assert 100 == row["took_ms"]
    assert TRACE.trace_id == row["trace_id"]


@pytest.mark.parametrize(
    ("query", "services"),
    [
        ({}, ["demo.Cart", "demo.Shop"]),
        ({"kind": "failed"}, ["demo.Shop"]),
        ({"kind": "slow"}, ["demo.Cart"]),
        ({"service": "demo.Cart"}, ["demo.Cart"]),
        ({"trace": TRACE.trace_id}, ["demo.Shop"]),
        ({"number": "1"}, ["demo.Shop"]),
        ({"number": "x"}, []),
        ({"limit": "1"}, ["demo.Cart"]),
    ],
)
def test_some_of_them(query, services):
    """
    Parameters choose by kind, service, trace and number; the last call comes first.
    """
    assert services == [row["service"] for row in rows(**query)]


def test_a_wrong_kind_is_refused():
    """
    The refusal names the kinds.
    """
    with pytest.raises(PageRefused, match="expected failed or slow, got 'fast'"):
        rows(kind="fast")
