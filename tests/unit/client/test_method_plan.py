"""
What is kept of the methods that a client calls.
"""

from __future__ import annotations

from weakref import WeakSet

from rpcfw.client.method_plan import MethodPlans
from rpcfw.spi.codec import Coder
from rpcfw.testing.candidates import a_call
from rpcfw.values.metadata import EMPTY, Metadata


class NoPayload:
    """
    Has the same coder for everything.
    """

    coder_of_all = Coder(encode=bytes, decode=bytes)

    def request_coder(self, codec, method):
        return self.coder_of_all

    def coder(self, codec, kind):
        return self.coder_of_all


def test_plans_of_methods_that_are_made_for_one_call_are_forgotten():
    """
    A program that makes a method for each call does not fill the memory with them.
    """
    plans, made = MethodPlans(NoPayload()), WeakSet()

    for number in range(3000):
        method = a_call(method=f"m{number}").method
        plans[method]
        made.add(method)

    assert len(made) <= 1025


def test_heads_have_the_metadata_that_calls_share():
    """
    An object that two calls in a row bring is shared; one that a single call brings disturbs none.
    """
    plan = MethodPlans(NoPayload())[a_call().method]
    shared, single = Metadata((("a", "1"),)), Metadata((("a", "2"),))
    assert plan.new_head(100).metadata is EMPTY

    plan.note_other(shared)
    plan.note_other(single)
    assert (EMPTY, 1) == (plan.metadata, len(plan.heads))
    plan.note_other(shared)
    plan.note_other(shared)
    assert plan.metadata is shared
    assert plan.new_head(100).metadata is shared
    assert 1 == len(plan.heads)
