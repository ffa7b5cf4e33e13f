"""
The audit trail of the console, and those who would rather not be in it.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.console.audit import Audit, AuditEntry
from rpcfw.testing.plugin_context import plugin_context


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


@pytest.fixture
def audit(path):
    audit = Audit(path, plugin_context())
    audit.open()
    yield audit
    audit.close()


def entry(what, result="done", role="operator", reason="why"):
    return AuditEntry("", "ann", role, "10.0.0.1", what, reason, result)


def test_what_was_refused_hides_nothing(audit):
    """
    A viewer who has many changes refused does not push what was done out of the page.
    """
    audit.write(entry("a change"))
    for number in range(1500):
        audit.write(entry(f"try {number}", "refused: viewer may not", "viewer"))
    audit.write(entry("another change"))
    shown = [each.what for each in audit.entries]
    assert (1002, "another change", "try 1499", "a change") == (
        *(len(shown), shown[0], shown[1], shown[-1]),
    )


def test_a_reason_makes_no_line_of_its_own(audit, path):
    """
    Whatever is in a text, each entry is one line, and nobody writes that of somebody else.
    """
    forged = json.dumps({"who": "bob", "role": "admin", "what": "x", "result": "done"})
    audit.write(entry("a change", reason=f"y\r\n{forged}\n\u2028\x1b[2J" + "z" * 5000))
    (line,) = path.read_bytes().splitlines()
    assert ("ann", 1000) == (json.loads(line)["who"], len(json.loads(line)["reason"]))

    other = Audit(path, plugin_context())
    other.open()
    assert ["ann"] == [each.who for each in other.entries]
    other.close()


def test_lines_of_others(path):
    """
    What is no entry in the file is passed over.
    """
    lines = ["nonsense", "[" * 100_000, "null", '{"who": 1}', '{"who":"ann","role":"admin"}']
    path.write_text("\n".join(lines))
    audit = Audit(path, plugin_context())
    audit.open()
    assert ["ann"] == [each.who for each in audit.entries]
    audit.close()
