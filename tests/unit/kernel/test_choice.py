"""
Choosing plugins by the settings.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chooser
from rpcfw.kernel.settings import Sources
from rpcfw.spi.router import Router
from tests.unit.kernel.test_plugins import ROUTER, declare

GROUP = "rpcfw.routers"


@pytest.fixture
def choosing(shelf, tmp_path):
    """
    Give a function from INI text to sources and chooser, with one router installed.
    """
    shelf.module("their_router", ROUTER)
    shelf.add("theirs", declare("near = their_router:Mine"))

    def choosing(text):
        file = tmp_path / "a.ini"
        file.write_text(text)
        sources = Sources.load([file])
        return sources, Chooser(sources, shelf.find)

    return choosing


def test_a_plugin_with_its_options_in_one_section(choosing):
    """
    The section that names a plugin holds its options as well.
    """
    sources, chooser = choosing("[routing]\nplugin = near\nzone = a\nmore = 1\n")

    chosen = chooser.one(GROUP, Router, "routing", extra_keys=("more",))
    sources.finish()

    assert ("near", "a") == (chosen.name, chosen.options.zone)
    made = chosen.make(None)
    assert isinstance(made, Router)
    assert chosen.options is made.options


def test_the_default_is_chosen_if_nothing_is_said(choosing):
    """
    Without a name the default plugin is taken; without a default, none.
    """
    sources, chooser = choosing("")

    assert "near" == chooser.one(GROUP, Router, "routing", "near").name
    assert chooser.one(GROUP, Router, "other") is None
    sources.finish()


def test_several_plugins_each_with_its_own_section(choosing):
    """
    A list of names gives plugins in that order, with options by name.
    """
    sources, chooser = choosing(
        "[plugins]\nrouters.far = their_router:Mine\n[router near]\nzone = a\n[router far]\n"
    )

    named_by = ("client", "routers", "")
    chosen = chooser.several(GROUP, Router, ("far", "near"), named_by=named_by, section="router")
    sources.finish()

    assert [("far", ""), ("near", "a")] == [(each.name, each.options.zone) for each in chosen]


def test_a_plugin_that_is_named_twice(choosing):
    """
    A list with the same name twice is a mistake: only one section has its options.
    """
    sources, chooser = choosing("[server]\nrouters = near, near\n[router near]\nzone = a\n")

    chooser.several(
        GROUP, Router, ("near", "near"), named_by=("server", "routers", ""), section="router"
    )
    with pytest.raises(SettingsError) as caught:
        sources.finish()

    told = [each.partition("a.ini")[2] for each in caught.value.mistakes if "near" in each]
    assert [":2: [server] routers: near is named more than once"] == told


def test_unknown_plugins_are_mistakes_among_others(choosing, tmp_path):
    """
    Every name that nobody has is reported, with its place, in one go.
    """
    sources, chooser = choosing(
        "[routing]\nplugin = neer\nzone = a\n"
        "[client]\nrouters = nowhere\n[router nowhere]\nx = y\n"
        "[plugins]\nrouter.x = a:B\n"
    )

    assert chooser.one(GROUP, Router, "routing") is None
    names = (sources.raw("client", "routers"),)
    named_by = ("client", "routers", "")
    assert () == chooser.several(GROUP, Router, names, named_by=named_by, section="router")
    with pytest.raises(SettingsError) as caught:
        sources.finish()

    file = tmp_path / "a.ini"
    assert [
        (
            f"{file}:2: [routing] plugin: no plugin is called 'neer' among routers;"
            " did you mean 'near'? known: near"
        ),
        f"{file}:5: [client] routers: no plugin is called 'nowhere' among routers; known: near",
        (
            f"{file}:9: [plugins] router.x: unknown group 'router'; did you mean 'routers'? known:"
            " attempts, authenticators, balancers, breakers, buses, codecs, collectors,"
            " compressors,"
            " credentials, filters, limiters, metrics_exporters, pages, protocols, registries,"
            " retries, routers, rules,"
            " services, tracers"
        ),
    ] == list(caught.value.mistakes)
