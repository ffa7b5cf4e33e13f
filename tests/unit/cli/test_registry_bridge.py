"""
``rpcfw registry bridge``, as far as it connects to nothing.
"""

from __future__ import annotations

import pytest

from rpcfw.cli.main import main


@pytest.fixture(autouse=True)
def _no_log(monkeypatch):
    """
    A log to the standard error of one test would fail all tests behind it that log anything.
    """
    monkeypatch.setattr("rpcfw.cli.running.begin_logging", lambda level, stream: lambda level: None)


@pytest.fixture
def files(tmp_path):
    """
    The INI files of two registries, and one without a registry.
    """
    for name, plugin in (("old", "memory"), ("new", "standalone"), ("none", "")):
        (tmp_path / f"{name}.ini").write_text(f"[registry]\nplugin = {plugin}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "further", "said"),
    [
        ("new", "new", (), "expected two registries, got standalone at tcp:127.0.0.1:2210 twice"),
        ("none", "new", (), "there is no registry in the configuration of -c"),
        ("old", "none", (), "there is no registry in the configuration of --to"),
        ("old", "gone", (), "gone.ini"),
        ("old", "new", ("--max-services", "0"), "--max-services must be at least 1, not 0"),
        ("old", "new", ("--max-instances", "0"), "--max-instances must be at least 1, not 0"),
        ("old", "new", ("--interval", "0s"), "--interval must be more than 0s, not 0s"),
    ],
)
def test_mistakes(old, new, further, said, files, capsys):
    """
    What cannot be bridged is refused before anything starts, and the error names the argument.
    """
    arguments = ("-c", str(files / f"{old}.ini"), "--to", str(files / f"{new}.ini"), *further)

    assert 2 == main(["registry", "bridge", *arguments])
    assert said in capsys.readouterr().err
