"""
How often the garbage collector runs.
"""

from __future__ import annotations

import gc

import pytest

from rpcfw.app.collector import raise_gc_thresholds


@pytest.fixture
def thresholds():
    """
    Give a setter of the collector's thresholds; put them back behind the test.
    """
    before = gc.get_threshold()
    yield gc.set_threshold
    gc.set_threshold(*before)


def test_thresholds_are_raised(thresholds):
    """
    The collector runs as seldom as is asked for.
    """
    thresholds(700, 10, 10)

    raise_gc_thresholds((10000, 10, 50))

    assert (10000, 10, 50) == gc.get_threshold()


def test_higher_ones_stay(thresholds):
    """
    A program that wants it more seldom still is not overruled.
    """
    thresholds(50000, 5, 100)

    raise_gc_thresholds((10000, 10, 50))

    assert (50000, 10, 100) == gc.get_threshold()


def test_nothing_is_changed_unasked(thresholds):
    """
    No thresholds leave Python's own.
    """
    thresholds(700, 10, 10)

    raise_gc_thresholds(())

    assert (700, 10, 10) == gc.get_threshold()
