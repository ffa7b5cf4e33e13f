"""
Services as an INI file names them.
"""

from __future__ import annotations

import pytest

from rpcfw.app.loading import load_services
from rpcfw.errors import SetupError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.service import Service, method
from rpcfw.spi.service_source import ServiceSource
from rpcfw.testing.plugin_context import plugin_context


class One(Service, name="demo.One"):
    """
    A class that can be named.
    """

    @method
    async def say(self) -> str:
        return "one"


class Pair(ServiceSource):
    """
    An object of it can be named.
    """

    def __call__(self, around: PluginContext) -> list[Service]:
        assert around.application
        return [One(), One()]


several = Pair()
number = 5


def load(name: str) -> list[Service]:
    return load_services([f"{__name__}:{name}"], plugin_context())


def test_a_class_is_made():
    """
    A service class gives one object.
    """
    assert [One] == [type(service) for service in load("One")]


def test_a_source_makes_several():
    """
    A source is given the plugin_context and gives what it makes.
    """
    assert [One, One] == [type(service) for service in load("several")]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SetupError", "is no subclass of rpcfw.Service"),
        ("load", "is no subclass of rpcfw.Service"),
        ("number", "is no subclass of rpcfw.Service"),
        ("nobody", "has no 'nobody'; known: "),
    ],
)
def test_what_cannot_be_served(name, reason):
    """
    Anything else is refused with its place in the INI.
    """
    with pytest.raises(SetupError, match=r"^\[server\] services: .*") as refused:
        load(name)
    assert reason in str(refused.value)


def test_a_module_that_ends_the_process_when_imported(tmp_path, monkeypatch):
    """
    A script without a guard, named as a service's module, does not end the process.
    """
    (tmp_path / "script_without_a_guard.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match="cannot be imported: SystemExit: 3"):
        load_services(["script_without_a_guard:One"], plugin_context())
