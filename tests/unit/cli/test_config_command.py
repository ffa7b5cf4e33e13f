"""
``rpcfw config``.
"""

from __future__ import annotations

from argparse import ArgumentParser
from io import StringIO

import pytest

from rpcfw.cli import config
from rpcfw.kernel.choice import Chooser
from rpcfw.kernel.plugins import Plugins
from rpcfw.spi.options import option, options
from rpcfw.spi.router import Router
from rpcfw.values.units import Seconds
from tests.unit.cli.test_plugins_command import find


@options
class ClientOptions:
    timeout: Seconds = option("3s", "how long a call may take")


CHOICE = config.Choice("routing", "rpcfw.routers", "near")


def claim(sources):
    """
    Claim what an application with these sections would.
    """
    sources.section("client", ClientOptions)
    Chooser(sources, find).one("rpcfw.routers", Router, "routing", "near")
    return ["it is so"]


def check(*arguments, environ=None):
    """
    Run the check; return exit code, output and errors.
    """
    parser = ArgumentParser()
    config.add_arguments(parser)
    parsed = parser.parse_args(["check", *arguments])
    out, err = StringIO(), StringIO()
    code = config.run_check(parsed, environ or {}, claim, out, err)
    return code, out.getvalue(), err.getvalue()


@pytest.fixture
def file(tmp_path):
    """
    Give a path for an INI file.
    """
    return tmp_path / "a.ini"


def test_a_right_configuration_passes(file):
    """
    Without mistakes the check says so, with what is good to know, and ends with 0.
    """
    file.write_text("[client]\ntimeout = 1s\n[routing]\nzone = a\n")

    assert (0, f"{file}: no mistakes\nnote: it is so\n", "") == check("-c", str(file))
    environ = {"RPCFW_ROUTING__ZONE": "a"}
    assert (0, "defaults and environment: no mistakes\nnote: it is so\n", "") == check(
        environ=environ
    )


def test_all_mistakes_are_told_with_their_places(file):
    """
    The check names every mistake in the order of the sources and ends with 2.
    """
    file.write_text("[client]\ntimeout = 1\n[routing]\nplugin = neer\n")

    code, out, err = check("-c", str(file), "--set", "client.x=1")

    assert (2, "") == (code, out)
    lines = err.splitlines()
    assert [f"{file}:2", f"{file}:4", "--set client.x"] == [
        line.partition(": ")[0] for line in lines[:-1]
    ]
    assert "3 mistakes" == lines[-1]


def test_one_mistake_is_one_mistake(file):
    """
    Counting is done in good English.
    """
    file.write_text("[client]\ntimeout = 1\n[routing]\nzone = a\n")

    assert check("-c", str(file))[2].endswith("\n1 mistake\n")


def test_the_example_has_every_section_and_passes_the_check(file):
    """
    What the example prints, with what is due filled in, is a right configuration.
    """
    out = StringIO()

    code = config.run_example([("client", ClientOptions)], [CHOICE], Plugins(find=find), out)

    text = out.getvalue()
    assert 0 == code
    assert "# [routing] takes one of the routers: lost, near.\n" in text
    assert "# lost cannot be used here: routers.lost (no_such:Thing)" in text
    assert "[routing]\nplugin = near\n" in text
    file.write_text(text.replace("#zone =", "zone = a"))
    assert 0 == check("-c", str(file))[0]


def test_plugins_that_are_not_the_default_stand_in_comments():
    """
    Alternatives are shown without being chosen.
    """
    out = StringIO()
    other = config.Choice("routing", "rpcfw.routers", "lost")

    config.run_example([], [other], Plugins(find=find), out)

    assert "#[routing]\n#plugin = near\n" in out.getvalue()
