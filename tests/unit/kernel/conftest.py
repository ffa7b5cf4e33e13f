"""
What tests of the kernel share.
"""

from __future__ import annotations

import sys

import pytest

from tests.unit.kernel.distributions import Shelf


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """
    Give an empty shelf whose modules can be imported.
    """
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules)
    yield Shelf(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
