"""
Options changed at run time are checked as those of a file are.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.changed_options import changed_options
from rpcfw.kernel.settings import options_of
from rpcfw.spi.options import option, options


@options
class Options:
    """
    One of them had another name.
    """

    max_rate: int = option("5", "calls in a second", was="most_rate")
    text: str = option("", "anything")


def test_what_is_not_named_stays():
    """
    Only the options that are given are others.
    """
    changed = changed_options(options_of(Options, text="kept"), {"max_rate": "7"}, "[mine]")
    assert options_of(Options, text="kept", max_rate="7") == changed


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("most_rate", "this option is called max_rate now; write max_rate = ..."),
        ("max_rat", "unknown option; did you mean 'max_rate'?"),
        ("", "unknown option"),
    ],
)
def test_an_option_that_is_not_there(key, told):
    """
    An earlier name is refused with the present one, as in a file.
    """
    with pytest.raises(SettingsError) as caught:
        changed_options(options_of(Options), {key: "1"}, "[mine]")
    assert f"[mine] {key}: {told}" in str(caught.value)
