"""
The rules of the house read every file once; nobody after them needs the trees.
"""

from __future__ import annotations

import pytest

from tests.house.tree import parsed


@pytest.fixture(scope="package", autouse=True)
def _trees():
    """
    Let the trees go: each collection of garbage in later tests would walk them.
    """
    yield
    parsed.cache_clear()
