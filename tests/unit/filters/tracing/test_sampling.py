"""
Which calls are recorded, and what says so to servers.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.filters.tracing.sampling import Tracing, with_trace
from rpcfw.spi.tracer import TracerOptions
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.trace_context import TraceContext

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", state="bank=1")


class Options:
    """
    A tracer that only has options.
    """

    def __init__(self, options):
        self.options = options


def tracing(sample=1.0, max_rate=0.0, clock=None):
    options = TracerOptions(sample=sample, max_rate=max_rate, unrecorded_ids="shared")
    return Tracing(Options(options), plugin_context(clock or Clock(), Random(7)))


@pytest.mark.parametrize(
    ("share", "least", "most"), [(0.0, 0, 0), (0.1, 60, 140), (1.0, 1000, 1000)]
)
def test_the_share_is_kept(share, least, most):
    """
    As many traces are recorded as the option says.
    """
    sampling = tracing(share)

    assert least <= sum(sampling.decide() is None for _ in range(1000)) <= most


def test_the_rate_is_bounded_and_comes_back():
    """
    In a second no more calls are recorded than the limit; a pause saves up no more than that.
    """
    clock = Clock()
    sampling = tracing(1.0, 10.0, clock)

    assert 10 == sum(sampling.allows() for _ in range(100))
    clock.advance(0.5)
    assert 5 == sum(sampling.allows() for _ in range(100))
    clock.advance(3600)
    assert 10 == sum(sampling.allows() for _ in range(100))


def test_calls_that_are_not_recorded_share_a_context_for_a_while():
    """
    Wires can cache it; and no trace id has calls without end, should a peer record it.
    """
    sampling = tracing(0.0)
    shared = [sampling.decide() for _ in range(10_000)]
    contexts = [each.trace for each in shared]

    assert 5 <= len({each.trace_id for each in contexts}) <= 20
    assert not any(each.sampled for each in contexts)
    assert all(each == TraceContext.parse(each.traceparent) for each in contexts)
    assert all((("traceparent", each.trace.traceparent),) == each.metadata.pairs for each in shared)


def test_each_call_may_have_ids_of_its_own():
    """
    If the option says so, no two calls that are not recorded have an id in common.
    """
    options = TracerOptions(sample=0.5, max_rate=0.0, unrecorded_ids="own")
    sampling = Tracing(Options(options), plugin_context(Clock(), Random(7)))
    contexts = [each.trace for _ in range(1000) if (each := sampling.decide()) is not None]

    assert 400 < len(contexts)
    assert len(contexts) == len({each.trace_id for each in contexts})
    assert len(contexts) == len({each.span_id for each in contexts})


def test_the_metadata_of_one_context_is_one_object():
    """
    A trace of the program's that is not recorded costs its calls no metadata each.
    """
    sampling, trace = tracing(0.0), TraceContext(TRACE.trace_id, TRACE.span_id, sampled=False)

    assert sampling.pairs(trace) is sampling.pairs(trace)


def test_the_pairs_of_an_attempt_replace_those_of_the_one_before():
    """
    However often a call is repeated, it names one parent.
    """
    before = Metadata(
        (("tenant", "blue"), ("traceparent", "old"), ("tracestate", "old=1"), ("baggage", "a=1"))
    )

    assert (
        ("tenant", "blue"),
        ("baggage", "a=1"),
        ("traceparent", TRACE.traceparent),
        ("tracestate", "bank=1"),
    ) == with_trace(before, TRACE, "").pairs
    assert (
        ("traceparent", TRACE.traceparent),
        ("tracestate", "bank=1"),
        ("baggage", "b=2"),
    ) == with_trace(EMPTY, TRACE, "b=2").pairs


def test_baggage_that_is_too_large_is_left_out():
    """
    A program's baggage does not make its calls too large to be sent.
    """
    assert "baggage" not in with_trace(EMPTY, TRACE, "a=" + "b" * 8192)
