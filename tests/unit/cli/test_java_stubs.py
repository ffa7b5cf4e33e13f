"""
``rpcfw java-stubs``.
"""

from __future__ import annotations

import io
import json
import sys

from rpcfw.cli.main import main
from tests.unit.codegen.java.definitions import FOLDER

ORDERS = FOLDER / "orders.json"
WRITTEN = (FOLDER / "written" / "orders.py").read_text()


def refused(capsys, *arguments):
    """
    Run the command, which must fail; return its one line.
    """
    assert 2 == main(["java-stubs", *map(str, arguments)])
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_file_becomes_a_module(capsys):
    """
    The module is printed.
    """
    assert 0 == main(["java-stubs", "--definition", str(ORDERS)])
    assert WRITTEN == capsys.readouterr().out


def test_standard_input_becomes_a_file(capsys, monkeypatch, tmp_path):
    """
    With -o nothing is printed.
    """
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ORDERS.read_bytes())))
    path = tmp_path / "orders.py"
    assert 0 == main(["java-stubs", "--definition", "-", "-o", str(path)])
    assert (WRITTEN, "") == (path.read_text(), capsys.readouterr().out)


def test_methods_that_may_be_repeated(capsys):
    """
    A pattern names them; one that names none is a mistake, and the error lists the methods.
    """
    assert 0 == main(["java-stubs", "--definition", str(ORDERS), "--idempotent", "ge*"])
    assert 1 == capsys.readouterr().out.count("idempotent=True")
    line = refused(capsys, "--definition", ORDERS, "--idempotent", "fetch*")
    assert "com.acme.OrderService has no such method; it has: all, attachment, " in line


def test_mistakes(capsys, tmp_path):
    """
    Each is one line that says what to do.
    """
    assert "either the name of a SERVICE or --definition" in refused(capsys)
    both = refused(capsys, "com.acme.OrderService", "--definition", ORDERS)
    assert "either the name of a SERVICE or --definition" in both
    missing = refused(capsys, "--definition", tmp_path / "none.json")
    assert missing.endswith("none.json cannot be read: No such file or directory")
    unwritable = refused(capsys, "--definition", ORDERS, "-o", tmp_path / "none" / "a.py")
    assert unwritable.endswith("a.py cannot be written: No such file or directory")
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"canonicalName": "a.B", "methods": [{"name": "x = 1"}]}))
    line = refused(capsys, "--definition", wrong)
    assert line.endswith("methods: expected a name as Java allows it, got 'x = 1'")
