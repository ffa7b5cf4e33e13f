"""
Trace context: every context survives its text, and no text of a peer does harm.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.values.trace_context import TraceContext


def _id(digits: int) -> st.SearchStrategy[str]:
    return st.integers(1, 16**digits - 1).map(lambda number: f"{number:0{digits}x}")


@given(_id(32), _id(16), st.booleans())
def test_every_context_survives_its_text(trace_id, span_id, sampled):
    """
    Whatever the ids are, the reader gets what the writer had.
    """
    context = TraceContext(trace_id, span_id, sampled)

    assert context == TraceContext.parse(context.traceparent)


@given(st.text() | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}.?"), st.text())
def test_what_is_read_can_be_sent_on(traceparent, state):
    """
    Any text is read as nothing, or as a context that is read again as the same.
    """
    context = TraceContext.parse(traceparent, state)

    if context is not None:
        assert context == TraceContext.parse(context.traceparent, context.state)
        assert len(context.state) <= 512


@given(st.lists(st.from_regex(r"[a-z][a-z0-9]{0,3}=[!-+\--<>-~]{1,9}", fullmatch=True)))
def test_a_state_is_kept_whole_or_not_at_all(members):
    """
    No member is lost from a state that is kept.
    """
    context = TraceContext.parse(f"00-{'1' * 32}-{'2' * 16}-01", ",".join(members))

    assert context is not None
    assert context.state in ("", ",".join(members))
