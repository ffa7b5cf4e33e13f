"""
What it takes until an address is reached, and until it is not.
"""

from __future__ import annotations

import pytest

from rpcfw.cluster.probing.options import ProbeOptions
from rpcfw.cluster.probing.target import Target
from rpcfw.kernel.settings import options_of
from rpcfw.values.address import Address


def after(results, **options):
    """
    Return an address after probes: ``+`` was answered, ``-`` was not. And where it changed.
    """
    target = Target(Address("tcp", "h", 1), "native")
    made = options_of(ProbeOptions, **options)
    moves = [number for number, one in enumerate(results) if target.note("x" * (one == "-"), made)]
    return target, moves


@pytest.mark.parametrize(
    ("results", "reached", "moves"),
    [
        ("", None, []),
        ("+", True, [0]),
        ("--", None, []),
        ("---", False, [2]),
        ("--+", True, [2]),
        ("+--+--+--", True, [0]),
        ("+---", False, [0, 3]),
        ("---+", False, [2]),
        ("---++", True, [2, 4]),
        ("---+-+-+", False, [2]),
    ],
)
def test_in_a_row(results, reached, moves):
    """
    Three failures in a row, and two answers, decide. The first answer of all is enough.
    """
    target, found = after(results)
    assert (reached, moves) == (target.reached, found)


@pytest.mark.parametrize(
    ("results", "in_doubt"),
    [("+", False), ("+-", True), ("---", False), ("---+", True), ("-", True)],
)
def test_doubt(results, in_doubt):
    """
    It is in doubt while the last probe contradicts what is decided.
    """
    assert in_doubt is after(results)[0].in_doubt
