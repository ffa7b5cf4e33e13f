"""
Telling the log the same thing seldom.
"""

from __future__ import annotations

from twisted.internet.task import Clock

from rpcfw_registries.seldom import Seldom


def test_tells_once_a_minute():
    """
    The same thing is told once in the interval, with the number of times withheld.
    """
    clock = Clock()
    seldom = Seldom(clock, 60.0)
    assert [0, None, None] == [seldom.due("down") for _ in range(3)]
    clock.advance(60)
    assert 2 == seldom.due("down")
    clock.advance(60)
    assert 0 == seldom.due("down")


def test_tells_different_things():
    """
    One thing does not keep another from being told.
    """
    seldom = Seldom(Clock())
    assert [0, 0] == [seldom.due("one"), seldom.due("other")]


def test_remembers_so_many_things():
    """
    Ever new things take no more than a bounded memory, and are withheld together.
    """
    seldom = Seldom(Clock())
    told = [seldom.due(f"thing {number}") for number in range(2000)]
    assert 1001 == told.count(0)
    assert 999 == told.count(None)
