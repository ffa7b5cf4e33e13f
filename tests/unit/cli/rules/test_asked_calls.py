"""
The calls that a preview of rules is about.
"""

from __future__ import annotations

from argparse import Namespace

import pytest

from rpcfw.cli.main import main
from rpcfw.cli.rules.asked_calls import AskedCall, asked_calls
from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.split import SplitRouter
from rpcfw_routers.tag import TagRouter


def split(shares, key):
    return SplitRouter(options_of(SplitRouter.Options, shares=shares, key=key), plugin_context())


def asked(*routers, method=None, request=None):
    arguments = Namespace(service="demo.Shop", method=method, request=request)
    return asked_calls(arguments, routers)


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
    (call,) = asked(split("5% version=2.*", "argument id"), request='{"id": 7}')
    assert AskedCall(1.0, {"id": 7}) == call


def test_many_parts_are_bounded():
    """
    A router whose parts would be too many together with those of others is left out.
    """
    many = ", ".join(f"1% zone=z{number}" for number in range(60))
    routers = [split(many, "argument id"), split(many, "metadata user")]
    assert 61 == len(asked(*routers))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--method", "get"), "are for --dry-run"),
        (("--request", "{}"), "are for --dry-run"),
        (("--dry-run", "--request", "{"), "the request is no JSON"),
    ],
)
def test_mistakes(tmp_path, capsys, given, reason):
    """
    Calls are for ``--dry-run`` alone, and a request is JSON.
    """
    file = tmp_path / "rules.ini"
    file.write_text("")
    assert 2 == main(["rule", "put", "policies", "demo.Shop", str(file), *given])
    assert reason in capsys.readouterr().err
