"""
Columns for people.
"""

from __future__ import annotations

from rpcfw.cli.table import table


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
