"""
The filter that answers calls which failed.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError, SetupError
from rpcfw.kernel.changed_options import changed_options
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
        changed_options(options(), given, "[filter fallback]")


@pytest.mark.parametrize("target", ["tests.nothing:Here", "rpcfw.errors:Nothing"])
def test_a_class_that_is_not_there(target):
    """
    A class that cannot be made stops the start, and its name is in the reason.
    """
    with pytest.raises(SetupError, match=f"{target} cannot be made"):
        Fallback(options(value="", target=target), plugin_context())
