"""
What is kept of the methods that a client calls.
"""

from __future__ import annotations

from weakref import WeakSet

from rpcfw.client.dispatch import Coders
from rpcfw.testing.candidates import a_call


class NoPayload:
    """
    Has the same coder for everything.
    """

    def request_coder(self, codec, method):
        return len

    def coder(self, codec, kind):
        return len


def test_coders_of_methods_that_are_made_for_one_call_are_forgotten():
    """
    A program that makes a method for each call does not fill the memory with them.
    """
    coders, made = Coders(NoPayload()), WeakSet()

    for number in range(3000):
        method = a_call(method=f"m{number}").method
        coders.of(method)
        made.add(method)

    assert len(made) <= 1025
