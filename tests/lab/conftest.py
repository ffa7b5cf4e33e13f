"""
A lab for each test, closed behind it: what a test leaves fails it.

Every test runs twice: driven by Twisted, and by asyncio's Tasks.
"""

from __future__ import annotations

import pytest

from rpcfw.testing.lab import Lab


@pytest.fixture(params=["epoll", "asyncio"])
def lab(request):
    with Lab(reactor=request.param) as lab:
        yield lab
