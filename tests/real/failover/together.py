"""
Scenarios that run at once: most of their time is spent waiting for something to happen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

__all__ = ["outcomes"]

#: A scenario that takes longer hangs.
_LIMIT_S = 120.0


def outcomes(request: pytest.FixtureRequest, most: int) -> Iterator[Callable[[str], Any]]:
    """
    Run the scenarios of those tests of a module that were asked for.

    The scenario of ``test_x`` is the function ``x`` of its module. For a fixture of the
    module's: yields what returns the outcome of a test's scenario, by the test's name.

    Args:
        most: so many run at once.
    """
    names = _asked_for(request)
    with ThreadPoolExecutor(most) as pool:
        running = {name: pool.submit(_scenario(request.module, name)) for name in names}
        yield lambda name: running[name].result(_LIMIT_S)
        pool.shutdown(cancel_futures=True)


def _asked_for(request: pytest.FixtureRequest) -> Sequence[str]:
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    return [item.name for item in items if item.module is request.module]


def _scenario(module: Any, test: str) -> Callable[[], Any]:
    scenario: Callable[[], Any] = getattr(module, test.removeprefix("test_"))
    return scenario
