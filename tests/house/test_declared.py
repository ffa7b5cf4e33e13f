"""
Plugins are found by their declarations, ours as anybody's.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from configparser import ConfigParser
from importlib.metadata import PackageNotFoundError, distribution

import pytest

from rpcfw.spi.plugin import Plugin
from tests.house.tree import ROOT, files

PLUGIN_ROOT = ROOT / "plugins"


def declarations() -> list[tuple[str, str, str]]:
    """
    Return (group, name, place) of every entry point in ``setup.cfg``.
    """
    parser = ConfigParser(delimiters=("=",))
    parser.read(ROOT / "setup.cfg")
    groups = parser["options.entry_points"]
    lines = [(group, line) for group in groups for line in groups[group].split("\n") if line]
    split = [(group, *line.partition("=")[::2]) for group, line in lines]
    return [(group, name.strip(), place.strip()) for group, name, place in split]


DECLARED = declarations()
PLUGINS = [one for one in DECLARED if one[0].startswith("rpcfw.")]


def load(place: str) -> object:
    """
    Return what stands at ``module:name``.
    """
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def plugin_classes() -> list[type[Plugin]]:
    """
    Return every complete plugin class of our families.
    """
    roots = [str(path) for path in PLUGIN_ROOT.glob("rpcfw_*")]
    names = [f"{root.rpartition('/')[2]}." for root in roots]
    modules = [
        importlib.import_module(found.name)
        for root, prefix in zip(roots, names, strict=True)
        for found in pkgutil.walk_packages([root], prefix)
    ]
    return [
        thing
        for module in modules
        for thing in vars(module).values()
        if issubclass(type(thing), type)  # isclass takes list[int] for one on 3.10
        and issubclass(thing, Plugin)
        and thing.__module__ == module.__name__
        and not inspect.isabstract(thing)
        and not thing.__name__.startswith("_")
    ]


@pytest.mark.parametrize(("group", "name", "place"), DECLARED)
def test_declared_things_load(group, name, place):
    """
    What ``setup.cfg`` declares is there.
    """
    assert callable(load(place))


@pytest.mark.parametrize(("group", "name", "place"), PLUGINS)
def test_declared_plugins_are_complete(group, name, place):
    """
    A declared plugin fills its seam and knows the name it is declared under.
    """
    plugin = load(place)

    assert issubclass(plugin, Plugin)
    assert not inspect.isabstract(plugin)
    assert name == getattr(plugin, "name", name)


@pytest.mark.parametrize("place", [place for _, _, place in PLUGINS if "rpcfw_" in place])
def test_every_plugin_runs_its_contract(place):
    """
    Each plugin passes the suite that a third party's would have to pass.
    """
    name = place.rpartition(":")[2]
    texts = [path.read_text(encoding="utf-8") for path in files("tests/plugins")]

    suites = [text for text in texts if "from rpcfw.testing.contracts" in text]

    assert [] != [text for text in suites if re.search(rf"\b{name}\b", text)]


def test_every_plugin_is_declared():
    """
    A plugin that is not declared cannot be chosen, unless it is a base of one that can be.
    """
    places = {place for _, _, place in DECLARED}
    bases = {base for _, _, place in PLUGINS for base in load(place).__mro__[1:]}
    plugins = [plugin for plugin in plugin_classes() if plugin not in bases]

    written = {f"{plugin.__module__}:{plugin.__qualname__}" for plugin in plugins}

    assert set() == written - places


def test_installed_declarations_are_fresh():
    """
    What is installed here declares what ``setup.cfg`` does.
    """
    try:
        installed = distribution("rpcfw").entry_points
    except PackageNotFoundError:
        pytest.fail("rpcfw is not installed here; to install it: pip install -e '.[all]'")

    found = sorted((one.group, one.name, one.value) for one in installed)

    assert sorted(DECLARED) == found, "stale; to mend it: pip install -e ."
