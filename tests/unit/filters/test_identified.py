"""
Calls of nobody.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Unauthenticated
from rpcfw.filters.identified import Identified
from rpcfw.status import Hint
from rpcfw.testing.candidates import a_call
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.caller_identity import CallerIdentity


def run(filter, call):
    """
    Return whether a call that does not wait has passed.
    """

    async def rest(call):
        return True

    try:
        filter.bind(rest)(call).send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


def test_who_passes():
    """
    Whoever has proved a name; nobody else.
    """
    call = a_call()
    with pytest.raises(Unauthenticated, match=r"demo\.Greeter/say is for callers") as raised:
        run(Identified(plugin_context()), call)
    assert Hint.FINAL == raised.value.hints
    call.identity = CallerIdentity(("hmac:shop",))
    assert run(Identified(plugin_context()), call)


@pytest.mark.parametrize("open_method", ["demo.Greeter/say", "demo.Greeter/*"])
def test_open_methods(open_method):
    """
    A method may be for everybody, and so may all methods of a service.
    """
    assert run(Identified(plugin_context(), [open_method]), a_call())
    with pytest.raises(Unauthenticated):
        run(Identified(plugin_context(), ["demo.Greeter/sa", "demo.Greet/*"]), a_call())
