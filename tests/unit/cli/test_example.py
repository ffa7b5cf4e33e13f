"""
``conf/rpcfw.ini`` and what ``rpcfw config`` says of whole configurations.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from io import StringIO
from pathlib import Path

import pytest

from rpcfw.cli import config

CONF = Path(__file__).parents[3] / "conf"


def run(*arguments: str) -> tuple[int, str]:
    """
    Run the command; return exit code and output.
    """
    parser = ArgumentParser()
    config.add_arguments(parser)
    out = StringIO()
    return config.run(parser.parse_args(arguments), {}, out), out.getvalue()


def test_the_shipped_example_is_fresh():
    """
    conf/rpcfw.ini is what the command writes. If not: rpcfw config example > conf/rpcfw.ini
    """
    assert (0, (CONF / "rpcfw.ini").read_text()) == run("example")


@pytest.mark.parametrize("name", ["rpcfw.ini", "provider.ini", "consumer.ini", "dubbo.ini"])
def test_what_is_shipped_is_right(name):
    """
    The shipped files have no mistakes.
    """
    assert (0, f"{CONF / name}: no mistakes\n") == run("check", "-c", str(CONF / name))


def test_every_option_may_be_set():
    """
    What stands in comments for other plugins can be uncommented: their options are known.
    """
    text = (CONF / "rpcfw.ini").read_text()

    for words in ("plugin = zookeeper", "plugin = round_robin", "[router tags]"):
        assert f"#{words}" in text


def test_mistakes_of_all_kinds_are_told_at_once(tmp_path, capsys):
    """
    Values of plugins, services that cannot be had: all are told in one go.
    """
    file = tmp_path / "a.ini"
    file.write_text(
        "[server]\nservices = nowhere:A, json:loads\n"
        "[retry]\nmax_attempts = 0\n"
        "[retry demo.Greeter]\nbackoff_multiplier = 0\n"
    )
    assert (2, "") == run("check", "-c", str(file))
    said = capsys.readouterr().err
    for words in (
        "max_attempts",
        "backoff_multiplier",
        "'nowhere:A'",
        "'json:loads' is no subclass",
    ):
        assert words in said


def test_the_options_of_a_registry_node_are_known(tmp_path, capsys):
    """
    A file with [node], which only the registry server reads, is checked like any other.
    """
    file = tmp_path / "node.ini"
    file.write_text("[node]\nmax_lease = 30s\n")
    assert 0 == run("check", "-c", str(file))[0]
    file.write_text("[node]\nmax_leese = 30s\n")
    assert 2 == run("check", "-c", str(file))[0]
    assert "did you mean 'max_lease'?" in capsys.readouterr().err


def test_the_example_holds_without_extras(monkeypatch, tmp_path):
    """
    Defaults that are written out mean the same: what is not installed is passed over.
    """
    monkeypatch.delitem(sys.modules, "rpcfw_compression.zstd", raising=False)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    assert 0 == run("check", "-c", str(CONF / "rpcfw.ini"))[0]
    (tmp_path / "a.ini").write_text("[app]\ncompressors = zstd\n")
    assert 2 == run("check", "-c", str(tmp_path / "a.ini"))[0]
