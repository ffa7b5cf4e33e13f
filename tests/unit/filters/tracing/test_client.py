"""
What the tracing filters of a client keep.
"""

from __future__ import annotations

from weakref import WeakSet

import pytest
from twisted.internet.task import Clock

from rpcfw.filters.tracing.client import AttemptTracing, ClientTracing
from rpcfw.filters.tracing.sampling import Tracing
from rpcfw.spi.tracer import TracerOptions
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.trace_context import TraceContext

TRACE = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331")


class NoTracer:
    """
    A tracer of a process in which nothing is recorded.
    """

    options = TracerOptions(sample=1.0, max_rate=0.0, unrecorded_ids="shared")

    def outgoing(self):
        return TRACE, ""

    def begin(self, kind, name, parent, attributes, at_s):
        return None


def of_calls(context):
    return ClientTracing(Tracing(NoTracer(), context), context)


def of_attempts(context):
    return AttemptTracing(NoTracer(), Address("10.0.0.1", 80), "native", context)


@pytest.mark.parametrize("make", [of_calls, of_attempts])
def test_methods_that_are_made_for_one_call_are_forgotten(make):
    """
    A program that makes a method for each call does not fill the memory with them.
    """
    made = WeakSet()
    step = make(plugin_context(Clock())).bind(lambda call: call.method)

    for number in range(3000):
        call = a_call(method=f"m{number}")
        call.trace = TRACE
        made.add(step(call))

    assert len(made) <= 1025
