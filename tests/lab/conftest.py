"""
A lab for each test, closed behind it: what a test leaves fails it.
"""

from __future__ import annotations

import pytest

from rpcfw.testing.lab import Lab


@pytest.fixture
def lab():
    with Lab() as lab:
        yield lab
