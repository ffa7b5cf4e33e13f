"""
The calls that a preview of rules is about.
"""

from __future__ import annotations

from rpcfw.app.rules.asked_calls import AskedCall, asked_calls, asked_method
from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.split import SplitRouter
from rpcfw_routers.tag import TagRouter


def split(shares, key):
    return SplitRouter(options_of(SplitRouter.Options, shares=shares, key=key), plugin_context())


def asked(*routers, given=None):
    return asked_calls(asked_method("demo.Shop"), given, routers)


def test_one_call_for_each_part():
    """
    A router that divides calls by a key gives a call for each part, and so does each of two.
    """
    tag = TagRouter(options_of(TagRouter.Options), plugin_context())
    assert [AskedCall(1.0, {})] == asked(tag)
    calls = asked(tag, split("5% version=2.*", "argument id"), split("50% zone=a", "metadata user"))
    assert [0.025, 0.025, 0.475, 0.475] == [round(call.share, 6) for call in calls]
    assert 2 == len({call.request["id"] for call in calls})
    assert 2 == len({call.metadata["user"] for call in calls})


def test_the_call_that_is_given():
    """
    A request that is given is the only one.
    """
    given = AskedCall(1.0, {"id": 7})
    assert [given] == asked(split("5% version=2.*", "argument id"), given=given)


def test_many_parts_are_bounded():
    """
    A router whose parts would be too many together with those of others is left out.
    """
    many = ", ".join(f"1% zone=z{number}" for number in range(60))
    routers = [split(many, "argument id"), split(many, "metadata user")]
    assert 61 == len(asked(*routers))
