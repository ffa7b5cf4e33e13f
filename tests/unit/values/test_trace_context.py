"""
W3C Trace Context: what is accepted, what is ignored, what is written.
"""

from __future__ import annotations

import pytest

from rpcfw.values.trace_context import TraceContext

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_what_was_written_is_read():
    """
    A context arrives as it was sent.
    """
    context = TraceContext(TRACE, SPAN, sampled=True, state="shop=1,bank@eu=a b")

    assert GOOD == context.traceparent
    assert context == TraceContext.parse(GOOD, context.state)


def test_a_context_that_is_not_sampled_arrives_as_such():
    """
    Who is told that a trace is not recorded does not record it either.
    """
    context = TraceContext(TRACE, SPAN, sampled=False)

    assert f"00-{TRACE}-{SPAN}-00" == context.traceparent
    assert context == TraceContext.parse(context.traceparent)


@pytest.mark.parametrize(("flags", "sampled"), [("01", True), ("ff", True), ("02", False)])
def test_only_the_bit_of_sampling_counts(flags, sampled):
    """
    Other flags, of later versions, are ignored.
    """
    context = TraceContext.parse(f"00-{TRACE}-{SPAN}-{flags}")

    assert context is not None
    assert sampled is context.sampled


def test_a_later_version_may_say_more():
    """
    What stands behind the fields that are known is not read.
    """
    assert TraceContext(TRACE, SPAN) == TraceContext.parse(f"cc-{TRACE}-{SPAN}-01-what-else")


@pytest.mark.parametrize(
    "text",
    [
        "",
        GOOD + "-",
        GOOD + "\n",
        GOOD + " ",
        GOOD.upper(),
        GOOD[:-1],
        f"ff-{TRACE}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.what",
        f"cc-{TRACE}-{SPAN}-01-" + "a" * 300,
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
        GOOD.encode(),
        None,
    ],
)
def test_a_malformed_parent_is_none(text):
    """
    What is not to the letter of the specification is not there.
    """
    assert TraceContext.parse(text) is None


@pytest.mark.parametrize(
    ("state", "kept"),
    [
        (" shop=1 ,\t,bank=2", "shop=1,bank=2"),
        ("shop=1,shop=2", ""),
        ("Shop=1", ""),
        ("shop", ""),
        ("shop=1=2", ""),
        ("0shop=1", ""),
        ("0shop@bank=1", "0shop@bank=1"),
        ("shop=\x00", ""),
        ("shop=é", ""),
        (",".join(f"k{n}=1" for n in range(32)), ",".join(f"k{n}=1" for n in range(32))),
        (",".join(f"k{n}=1" for n in range(33)), ""),
        ("shop=" + "a" * 256, "shop=" + "a" * 256),
        ("shop=" + "a" * 257, ""),
        ("a=1," * 200, ""),
        (b"shop=1", ""),
    ],
)
def test_a_malformed_state_costs_the_state_only(state, kept):
    """
    The place in the trace is kept; what systems added is kept whole or not at all.
    """
    assert TraceContext(TRACE, SPAN, state=kept) == TraceContext.parse(GOOD, state)
