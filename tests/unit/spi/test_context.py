"""
The call that the running code serves.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.context import Context, context
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call
from rpcfw.values.call import serving


@pytest.fixture
def call():
    call = a_call(metadata={"user": "ann"})
    call.deadline, call.caller, call.peer = 7.5, "shop", "tcp:10.0.0.9:40000"
    return call


def test_outside_of_a_call():
    """
    Code that serves no call is told so.
    """
    with pytest.raises(LookupError, match="not serving a call"):
        context()


def test_inside_of_a_call(call):
    """
    Code that serves a call sees what is known of it.
    """
    token = serving.set(call)
    try:
        seen = context()
    finally:
        serving.reset(token)

    assert seen.method == "demo.Greeter/say"
    assert seen.metadata.get("user") == "ann"
    assert (7.5, "shop", "tcp:10.0.0.9:40000") == (seen.deadline, seen.caller, seen.peer)


def test_giving_up_is_seen(call):
    """
    Code that blocks can look whether its caller has given up.
    """
    seen = Context(call)
    assert not seen.cancelled
    call.cancelled = True

    assert seen.cancelled


def test_being_told_of_giving_up(call):
    """
    Code that blocks can ask to be told, before and after; a call that goes well tells nobody.
    """
    told = []
    Context(call).on_cancel(lambda: told.append("before"))
    call.cancelled = True
    call.end(Status.CANCELLED)
    Context(call).on_cancel(lambda: told.append("after"))
    assert ["before", "after"] == told

    well = a_call()
    Context(well).on_cancel(lambda: told.append("well"))
    well.end(Status.OK)
    assert 2 == len(told)


def test_what_the_caller_gets(call):
    """
    Pairs before and after the messages add up, each in their place.
    """
    seen = Context(call)
    seen.send_metadata({"A": "1"})
    seen.send_metadata([("a", "2")])
    seen.send_trailers({"t-bin": b"3"})

    assert (("a", "1"), ("a", "2")) == call.response_metadata.pairs
    assert (("t-bin", b"3"),) == call.trailers.pairs
    assert (("user", "ann"),) == call.metadata.pairs


def test_what_no_wire_can_carry(call):
    """
    Pairs that no wire can carry are refused where they are written.
    """
    with pytest.raises(ValueError, match="printable ASCII"):
        Context(call).send_trailers({"a": "grüße"})
