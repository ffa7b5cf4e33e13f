"""
How all tests run: how Hypothesis searches, and what the marks of a test need.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

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


#: Threads that live as long as the process, by the start of their names.
LASTING = ("PoolThread-twisted", "rpcfw reactor")

#: How long a thread that was told to end may take.
THREAD_LIMIT_S = 10


@pytest.fixture(autouse=True)
def _no_threads_left() -> Iterator[None]:
    """
    Fail the test that leaves a thread behind, not one that it disturbs later.
    """
    before = set(threading.enumerate())
    yield
    begun = [one for one in threading.enumerate() if one not in before]
    for one in begun:
        if not one.name.startswith(LASTING):
            one.join(THREAD_LIMIT_S)
            assert not one.is_alive(), f"the test left a thread: {one.name}"


@pytest.fixture(scope="module", autouse=True)
def _nothing_of_others_to_walk() -> None:
    """
    Have the garbage collector pass over what was there before a file's first test.

    Many tests collect, to see leaks. Each collection would walk all modules, and all that
    the files before this one have left in caches and reports.
    """
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """
    Skip or fail a test whose server is missing.
    """
    for mark, need in NEEDS.items():
        if item.get_closest_marker(mark) is not None:
            need()
