"""
What a log line shows of rules, which others have written.
"""

from __future__ import annotations

from rpcfw.app.rules.logged import author_of, in_one_line
from rpcfw.errors import SettingsError
from rpcfw.values.rule import Document


def test_an_author():
    """
    Who and why are one line of bounded length, whatever is in them.
    """
    assert "ann@ops: a sale" == author_of(Document("policies", "", 1, "ann@ops", 0.0, "a sale"))
    shown = author_of(Document("policies", "", 1, "ann\nserver phase: stopped", 0.0, "\x1b" * 9999))
    assert shown.startswith("ann\\x0aserver phase: stopped: \\x1b")
    assert shown.isprintable()
    assert len(shown) < 3000


def test_mistakes():
    """
    So are mistakes: the first ones, and how many more there are.
    """
    shown = in_one_line(SettingsError(*(f"\x1b[31m {number}" for number in range(9))))
    assert shown.startswith("\\x1b[31m 0 | ")
    assert shown.endswith("4 | and 4 more")
