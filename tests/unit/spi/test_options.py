"""
Options as data.
"""

from __future__ import annotations

import attrs
import pytest

from rpcfw.spi.options import NO_DEFAULT, Declared, below_minimum, declared, option, options
from rpcfw.spi.plugin import NoOptions
from rpcfw.values.units import Seconds


@options
class Example:
    """
    What the INI may say.
    """

    address: str = option(NO_DEFAULT, "where it is")
    lease: Seconds = option("10s", "how long it lasts")
    password: str | None = option("", "what opens it", secret=True)


def test_what_is_declared():
    """
    Each option is there with its name, type, default text and meaning, in order.
    """
    assert (
        Declared("address", str, NO_DEFAULT, "where it is", secret=False),
        Declared("lease", Seconds, "10s", "how long it lasts", secret=False),
        Declared("password", str | None, "", "what opens it", secret=True),
    ) == declared(Example)


def test_nothing_is_declared():
    """
    A plugin without options declares none.
    """
    assert () == declared(NoOptions)


def test_secrets_are_not_shown():
    """
    A secret is not in the representation, the rest is.
    """
    shown = repr(Example(address="here", lease=1.0, password="hunter2"))

    assert "hunter2" not in shown
    assert "here" in shown


def test_options_do_not_change():
    """
    Options are fixed once they are read.
    """
    example = Example(address="here", lease=1.0, password=None)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        example.lease = 2.0


def test_options_are_given_by_name():
    """
    Options are made by name only, all of them: their order is nobody's business.
    """
    with pytest.raises(TypeError):
        Example("here", 1.0, None)
    with pytest.raises(TypeError, match="lease"):
        Example(address="here", password=None)


def test_a_missing_default_explains_itself():
    """
    Where a default is shown, its absence reads as what it means.
    """
    assert repr(NO_DEFAULT) == "(none: must be given)"


def test_a_value_below_its_minimum_is_named():
    """
    Each option that is too small is named, with the least value that is allowed.
    """
    example = Example(address="here", lease=1.0, password=None)

    assert [] == [*below_minimum(example, {"lease": 1})]
    assert [("lease", "must be at least 2, not 1.0")] == [*below_minimum(example, {"lease": 2})]
