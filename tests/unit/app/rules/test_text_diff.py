"""
The difference between two texts.
"""

from __future__ import annotations

import pytest

from rpcfw.app.rules import text_diff as module
from rpcfw.app.rules.text_diff import text_diff

NAMES = "old", "new"


def test_lines_that_differ():
    """
    Lines are shown with those around them; equal texts have none.
    """
    diff = text_diff("a\nb\nc\n", "a\nB\nc\n", NAMES)
    assert "--- old\n+++ new\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n" == diff
    assert "" == text_diff("a\n", "a\n", NAMES)


def test_control_characters_are_not_shown_as_they_are():
    """
    A text of a registry cannot write to a terminal what it likes.
    """
    assert "\x1b" not in text_diff("", "\x1b[2Jx\n", NAMES)


def cycle(count, step):
    """
    Return lines each of which is there very often, in an order of their own.
    """
    return "".join(f"{number * step % 190}\n" for number in range(count))


@pytest.mark.parametrize(
    ("old", "new"),
    [(cycle(50_000, 1), cycle(50_000, 7)), ("#\n" * 60_000, "#\n;\n" * 30_000)],
    ids=["all lines", "two lines"],
)
def test_many_equal_lines_are_not_compared(monkeypatch, old, new):
    """
    Texts whose comparison would take minutes are shown whole, from the first line that differs.
    """
    monkeypatch.delattr(module, "unified_diff")
    diff = text_diff(old, new, NAMES, max_chars=100)
    assert diff.startswith("--- old\n+++ new\n@@ -2,")
    assert 100 <= len(diff) <= 110
    assert "" == text_diff(old, old, NAMES)


def test_the_end_that_is_equal_is_left_out():
    """
    Of texts that are not compared, what is equal at both ends is not shown.
    """
    diff = text_diff("a\nb\nc\n", "a\nx\ny\nc\n", NAMES, max_steps=0)
    assert "--- old\n+++ new\n@@ -2,1 +2,2 @@\n-b\n+x\n+y\n" == diff
