"""
The filter that answers calls which failed.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import CallError, SettingsError, SetupError
from rpcfw.kernel.settings import options_of
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_fallbacks.fallback import Fallback, FallbackOptions


def options(**over):
    fields = {
        "value": '"YW5zd2Vy"',
        "target": "",
        "methods": (),
        "statuses": ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"),
    }
    return FallbackOptions(**{**fields, **over})


class TestFallbackContract(FilterContract):
    def make(self):
        return Fallback(options(), plugin_context())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"value": ""}, "give one of value and target"),
        ({"target": "a:B"}, "give one of value and target"),
        ({"value": "{"}, "'{' is no JSON"),
        ({"value": "", "target": "nothing"}, "expected module:Class"),
        ({"statuses": "UNAVAILABEL"}, "did you mean UNAVAILABLE"),
    ],
)
def test_wrong_options(given, message):
    """
    Options that no answer could be made of are refused, with what is right.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(FallbackOptions, **{"value": "1", **given})


@pytest.mark.parametrize("target", ["tests.nothing:Here", "rpcfw.errors:Nothing"])
def test_a_class_that_is_not_there(target):
    """
    A class that cannot be made stops the start, and its name is in the reason.
    """
    with pytest.raises(SetupError, match=f"{target} cannot be made"):
        Fallback(options(value="", target=target), plugin_context())


class Instead:
    """
    Answers, and counts how often it was made.
    """

    made = 0

    def __init__(self):
        Instead.made += 1

    def say(self, call, error):
        return id(self)

    def _kept(self, call, error):
        return "not for callers"


async def unavailable(call):
    raise CallError(status=Status.UNAVAILABLE)


def answer(filter, method):
    """
    Return what a call gets, or the status of its error.
    """
    try:
        filter.bind(unavailable)(a_call(method=method)).send(None)
    except StopIteration as end:
        return end.value
    except CallError as error:
        return error.status
    raise AssertionError("no fallback waits here")


def by_class(**over):
    target = f"{__name__}:Instead"
    return Fallback(options(value="", target=target, **over), plugin_context())


def test_the_object_is_kept():
    """
    The object that answers goes on when other options are replaced.
    """
    before, after = by_class(), by_class(methods=("demo.Greeter/say",))
    after.take_over(before)
    assert answer(before, "say") == answer(after, "say")


@pytest.mark.parametrize("name", ["_kept", "__init__", "__class__", "other"])
def test_only_public_methods_answer(name):
    """
    A call whose method's name is that of something else in the class has no fallback.
    """
    made = Instead.made
    fallback = by_class()
    assert Status.UNAVAILABLE is answer(fallback, name)
    assert made + 1 == Instead.made
