"""
``rpcfw plugins``.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from importlib.metadata import EntryPoint
from io import StringIO

import pytest

from rpcfw.cli import plugins
from rpcfw.errors import SettingsError
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.router import Router


class Near(Router):
    """
    Keeps what is near.
    """

    @options
    class Options:
        zone: str = option(NO_DEFAULT, "where we are")
        force: bool = option("no", "never go elsewhere")

    def narrow(self, call, candidates):
        return candidates


def find(group):
    """
    Return one router that can be used and one that cannot.
    """
    if group != "rpcfw.routers":
        return []
    return [
        EntryPoint("near", f"{__name__}:Near", group),
        EntryPoint("lost", "no_such:Thing", group),
    ]


def run(*arguments, environ=None):
    """
    Run the command; return exit code and output.
    """
    parser = ArgumentParser()
    plugins.add_arguments(parser)
    out = StringIO()
    code = plugins.run(parser.parse_args(arguments), environ or {}, out, find)
    return code, out.getvalue()


def test_every_plugin_is_a_line():
    """
    Name, origin and meaning of a plugin, or why it cannot be used, stand in one line.
    """
    assert (
        0,
        (
            "routers\n"
            "  lost  [plugins]  CANNOT BE USED: routers.lost (no_such:Thing): there is no module"
            " 'no_such'; is the path right, and is it installed?\n"
            "  near  [plugins]  Keeps what is near.\n"
        ),
    ) == run()


def test_options_are_shown_when_asked_for():
    """
    For one group, or with --options, each option is shown with default and meaning.
    """
    _, text = run("--group", "routers")

    assert "      zone = (must be given)    where we are (text)\n" in text
    assert "      force = no    never go elsewhere (yes or no)\n" in text
    assert text == run("--options")[1]
    assert text == run("--group", "rpcfw.routers")[1]


def test_as_json():
    """
    Programs get everything that is known of each plugin.
    """
    code, text = run("--json")

    lost, near = json.loads(text)

    assert 0 == code
    assert (False, True) == (lost["loadable"], near["loadable"])
    assert {
        "name": "zone",
        "expected": "text",
        "default": None,
        "meaning": "where we are",
        "secret": False,
    } == near["options"][0]


def test_plugins_of_the_ini_are_listed(tmp_path):
    """
    A plugin that only the configuration declares is listed; the rest of it is not judged.
    """
    file = tmp_path / "a.ini"
    file.write_text(f"[plugins]\nrouters.mine = {__name__}:Near\n[whatever]\nx = y\n")

    code, text = run("-c", str(file), "--set", f"plugins.routers.set={__name__}:Near")

    assert 0 == code
    assert "  mine  [plugins]  Keeps what is near.\n" in text
    assert "  set   [plugins]  Keeps what is near.\n" in text


def test_a_group_without_plugins():
    """
    Nothing found is said, not shown as an empty screen.
    """
    assert (0, "no plugins\n") == run("--group", "codecs")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "router"], "--group: unknown group 'router'; did you mean 'routers'?"),
        (["--set", "plugins.router.x=a:B"], "--set plugins.router.x: [plugins] router.x: unknown"),
    ],
)
def test_mistakes_are_told(arguments, said):
    """
    A wrong group, or a wrong line of [plugins], is a mistake with its place.
    """
    with pytest.raises(SettingsError) as caught:
        run(*arguments)

    assert said in str(caught.value)


def test_plugins_beside_the_ini_file(tmp_path, monkeypatch):
    """
    The modules of `[plugins]` are looked for in `[app] python_path`.
    """
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "beside_it.py").write_text(
        f"from {__name__} import Near\n\n\nclass Beside(Near):\n    pass\n"
    )
    ini = tmp_path / "it.ini"
    ini.write_text("[app]\npython_path = .\n[plugins]\nrouters.beside = beside_it:Beside\n")

    _, listed = run("-c", str(ini), "--group", "routers", "--json")

    assert "" == {each["name"]: each["problem"] for each in json.loads(listed)}["beside"]
