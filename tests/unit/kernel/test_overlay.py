"""
Options over those of a configuration.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import SectionName, read_ini
from rpcfw.kernel.overlay import Overlay
from rpcfw.kernel.settings import Sources
from rpcfw.spi.options import option, options

BASE = b"""
[client]
timeout = 1
rate = 1
[client demo.Shop]
rate = 2
"""


@options
class Options:
    """
    Of ``[client]``.
    """

    timeout: int = option("0", "time limit")
    rate: int = option("0", "calls a second")
    name: str = option("nobody", "a name")


def overlay(text, replaced=()):
    layer = read_ini(text.encode(), "rules")
    return Overlay(Sources([read_ini(BASE, "base")]), layer, "demo.Shop", replaced)


def test_what_is_given_wins_key_by_key():
    """
    Beneath it is the section of the service, then the plain one, then the default.
    """
    sources = overlay("[client]\nname = bob\n")
    made = sources.section("client", Options, "demo.Shop")
    sources.finish()
    assert Options(timeout=1, rate=2, name="bob") == made
    assert "rules:2" == str(sources.given("client", "name", "demo.Shop").origin)
    assert "base:6" == str(sources.given("client", "rate", "demo.Shop").origin)


def test_a_replaced_section_hides_the_configuration():
    """
    What is configured is for another plugin.
    """
    sources = overlay("[client]\nname = bob\n", {SectionName("client")})
    assert Options(timeout=0, rate=0, name="bob") == sources.section("client", Options, "demo.Shop")


def test_mistakes_are_those_of_what_is_given():
    """
    Each has its line, and the section is written as it is there.
    """
    sources = overlay("[client]\nrat = 1\ntimeout = x\n[other]\n")
    sources.section("client", Options, "demo.Shop")
    sources.leave_unused(lambda name, _: "client" == name.name)
    with pytest.raises(SettingsError) as caught:
        sources.finish()
    unknown, wrong = caught.value.mistakes
    assert unknown.startswith("rules:2: [client] rat: unknown option; did you mean 'rate'?")
    assert wrong.startswith("rules:3: [client] timeout: 'x'")
