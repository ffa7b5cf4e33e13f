"""
How all tests run: how Hypothesis searches, and what the marks of a test need.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests import requirements

# The machines that run this are shared, so an example that is slow proves nothing;
# and a run that fails must fail again, so the examples are the same each time.
settings.register_profile(
    "tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "fuzz", deadline=None, max_examples=20_000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")

# The contract suites assert as tests do; without this a failure would not say what came.
pytest.register_assert_rewrite("rpcfw.testing.contracts")

NEEDS = {
    "zookeeper": requirements.require_zookeeper,
    "etcd": requirements.require_etcd,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """
    Skip or fail a test whose server is missing.
    """
    for mark, need in NEEDS.items():
        if item.get_closest_marker(mark) is not None:
            need()
