"""
Columns for people.
"""

from __future__ import annotations

from rpcfw.cli.table import table


def test_nothing_leaves_its_place():
    """
    Others' words cannot end a line, move the cursor or turn the direction of text.
    """
    rows = [("demo\x1b[2J", "a\r\nb"), ("\u202edemo", "\x00")]

    assert (
        "NAME         ZONE\n"
        "demo\\x1b[2J  a\\x0d\\x0ab\n"
        "\\u202edemo   \\x00\n"
    ) == table(("NAME", "ZONE"), rows)  # fmt: skip


def test_columns_stand_below_their_titles():
    """
    Columns are as wide as their longest word; one in which nothing stands is left out.
    """
    rows = [("demo.Greeter", "", "100"), ("x",)]

    assert (
        "NAME          WEIGHT\n"
        "demo.Greeter  100\n"
        "x\n"
    ) == table(("NAME", "ZONE", "WEIGHT"), rows)  # fmt: skip
