"""
The arguments that say which calls a preview is about.
"""

from __future__ import annotations

import pytest

from rpcfw.cli.main import main


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (("--method", "get"), "are for --dry-run"),
        (("--request", "{}"), "are for --dry-run"),
        (("--dry-run", "--request", "{"), "the request is no JSON"),
    ],
)
def test_mistakes(tmp_path, capsys, given, reason):
    """
    Calls are for ``--dry-run`` alone, and a request is JSON.
    """
    file = tmp_path / "rules.ini"
    file.write_text("")
    assert 2 == main(["rule", "put", "policies", "demo.Shop", str(file), *given])
    assert reason in capsys.readouterr().err
