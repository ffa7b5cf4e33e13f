"""
The example of a section.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.example import describe, section_text
from rpcfw.kernel.settings import Sources
from rpcfw.spi.options import NO_DEFAULT, declared, option, options
from rpcfw.spi.plugin import NoOptions
from rpcfw.values.units import Seconds


@options
class Options:
    address: str = option(NO_DEFAULT, "where it listens")
    lease: Seconds = option("10s", "how long an instance outlives its provider")
    names: tuple[str, ...] = option("a\nb", "several")
    nothing: str = option("", "may be left empty")


def test_every_option_with_meaning_and_default():
    """
    The example says of each option what it means, how it is written and its default.
    """
    expected = """\
[registry]
# where it listens (text)
# Required.
#address =

# how long an instance outlives its provider (a duration, such as 250ms)
lease = 10s

# several (any number, separated by commas or new lines, of: text)
names = a
    b

# may be left empty (text)
nothing =
"""

    assert expected == describe(Options, "registry")


def test_the_example_is_a_settings_file(tmp_path):
    """
    What the example prints is read back as the defaults, with what is due filled in.
    """
    file = tmp_path / "a.ini"
    file.write_text(describe(Options, "registry").replace("#address =", "address = here"))
    sources = Sources.load([file])

    read = sources.section("registry", Options)
    sources.finish()

    assert Options(address="here", lease=10.0, names=("a", "b"), nothing="") == read


def test_an_example_of_what_is_not_chosen_is_all_comment(tmp_path):
    """
    Alternatives can stand in one file without being chosen.
    """
    file = tmp_path / "a.ini"
    text = section_text("registry", declared(Options), chosen=("plugin", "file"), commented=True)
    file.write_text(text)
    sources = Sources.load([file])

    assert text.startswith("#[registry]\n#plugin = file\n")
    assert not sources.has("registry")
    sources.section("registry", Options)
    with pytest.raises(SettingsError, match="address: must be given"):
        sources.finish()


def test_a_section_without_options():
    """
    A plugin with nothing to set has a section with nothing in it.
    """
    assert "[codec]\n" == describe(NoOptions, "codec")
