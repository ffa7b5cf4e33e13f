"""
The name of this machine itself.
"""

from __future__ import annotations

import pytest

from rpcfw.values.localhost import is_localhost


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "localhost.", "a.localhost"])
def test_names_of_this_machine(name):
    """
    They are known without a resolver, however they are written.
    """
    assert is_localhost(name)


@pytest.mark.parametrize("name", ["", "localhosts", "notlocalhost", "localhost.example", "host"])
def test_names_of_others(name):
    """
    A name that only looks like it is asked for.
    """
    assert not is_localhost(name)
