"""
Options of a prober that would probe or report nothing.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("services", ""),
        ("services", ", ".join(f"demo.Service{number:0200}" for number in range(20))),
        ("name", "a\x1bb"),
        ("interval", "0s"),
        ("timeout", "0s"),
        ("failures", "0"),
        ("max_concurrent", "0"),
        ("max_named", "0"),
    ],
)
def test_a_value_that_cannot_be(name, value):
    """
    It is refused, and the mistake names the option.
    """
    with pytest.raises(SettingsError, match=name):
        options_of(ProbeOptions, **{name: value})


def test_the_defaults():
    """
    By default all services are probed.
    """
    assert ("*",) == options_of(ProbeOptions).services
