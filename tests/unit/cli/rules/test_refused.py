"""
Documents that ``rpcfw rule put`` refuses, before anything is started.
"""

from __future__ import annotations

import pytest

from rpcfw.cli.main import main
from rpcfw.values.rule import MAX_DOCUMENT_BYTES


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("[retry]\nmax_atempts = 2\n", ":2: [retry] max_atempts: unknown option; did you mean"),
        ("[client]\nrouters = gray\n", ":2: [client] routers"),
        ("[router gray]\nrules = x\n", ":1: [router gray]"),
        ("#" * (MAX_DOCUMENT_BYTES + 1), f"at most {MAX_DOCUMENT_BYTES} are read"),
        ("#" * (2 * MAX_DOCUMENT_BYTES), "is larger than"),
        ("[" * 10_000, "is no section"),
    ],
    ids=["option", "router", "section", "large", "larger", "brackets"],
)
def test_a_bad_document(tmp_path, capsys, body, reason):
    """
    The exit code is 2, the reason names the file, and no registry is asked.
    """
    file = tmp_path / "rules.ini"
    file.write_text(body)
    nobody = ("--set", "registry.address=127.0.0.1:1")
    code = main(["rule", "put", "policies", "demo.Shop", str(file), *nobody])
    out, err = capsys.readouterr()
    assert (2, "") == (code, out)
    assert str(file) in err
    assert reason in err
