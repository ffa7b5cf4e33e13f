"""
Forks: a child makes applications of its own, and leaves its parent's alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.etcd_server import EtcdMember
from tests.real.zookeeper_server import ZooKeeperServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT_S = 120
FORKED = "this process was forked from the one that made the application"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture(scope="module")
def environment():
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return {**os.environ, "PYTHONPATH": paths}


@pytest.fixture(scope="module")
def address(environment):
    """
    Where a service listens that all these programs call.
    """
    with subprocess.Popen(
        [sys.executable, str(HERE / "blocking_service.py")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as server:
        yield server.stdout.readline().strip()
        server.kill()


@pytest.fixture
def seen(address, environment):
    """
    What a program saw; it must have had nothing to say beside it.
    """

    def run(what, *arguments):
        done = subprocess.run(
            # Python 3.12 warns of a fork among threads, which is what this is about.
            [
                *(sys.executable, "-W", "ignore::DeprecationWarning"),
                *(str(HERE / "forks_world.py"), what, *(arguments or (address,))),
            ],
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
            env=environment,
        )
        assert ("", 0) == (done.stderr, done.returncode)
        return json.loads(done.stdout)

    return run


def test_a_child_starts_afresh(seen):
    """
    A child, and its child, makes each kind of application while its parent calls on.
    """
    assert ["a", "b", "b", "b", "grandchild", "c"] == seen("after_an_application")


def test_the_parents_objects_are_refused(seen):
    """
    What a child asks of its parent's application is refused at once; the parent reads on.
    """
    *told, first, second, echo = seen("the_parents_objects")
    assert [True] * 5 == [text.startswith(FORKED) for text in told]
    assert [0, 1, "b"] == [first, second, echo]


def test_calls_in_flight(seen):
    """
    A fork amid calls of many threads disturbs none of them.
    """
    assert [["child"] * 5, 400, True] == seen("calls_in_flight")


@pytest.mark.parametrize(
    ("what", "answers"),
    [("in_a_loop_that_runs", ["a", "b", "b", "c"]), ("in_the_reactors_thread", ["b", "c"])],
)
def test_a_fork_where_the_reactor_runs(seen, what, answers):
    """
    A fork from within the reactor, or its loop, is as good.
    """
    assert answers == seen(what)


@pytest.mark.parametrize("what", ["multiprocessing_fork", "process_pool"])
def test_pools_of_processes(seen, what):
    """
    Workers of multiprocessing and concurrent.futures call by applications of their own.
    """
    assert ["b", "c", "d", "e"] == seen(what)


def test_a_program_that_is_loaded_before_the_fork(seen):
    """
    An application that is made before the fork, and not started, is each child's own.
    """
    children = ["made", "made", "asyncio", "asyncio"]
    assert [children, children] == seen("prefork")


def test_children_are_not_one_process(seen):
    """
    An application that was made before the fork has a run id and random numbers in each child.

    By the same numbers, traces would have the same ids, and children would choose the same nodes.
    """
    run_ids, numbers = zip(*seen("prefork_identities"), strict=True)
    assert (3, 3) == (len(set(run_ids)), len(set(numbers)))


@pytest.mark.parametrize("what", ["unwound", "unwound_in_a_loop"])
def test_a_child_that_returns_into_the_reactor(seen, what):
    """
    A child that unwinds the parent's reactor takes none of the parent's events away.
    """
    assert [4, "b"] == seen(what)


def test_ports_and_connections(seen):
    """
    A child does not keep its parent's port open when the parent dies without a word.
    """
    assert seen("ports_and_connections")


def test_a_child_that_is_told_to_end(seen):
    """
    SIGTERM ends a child at once, and says nothing to the parent's coroutine.
    """
    assert [15, "a"] == seen("terminated")


@pytest.fixture
def zookeeper():
    server = ZooKeeperServer()
    server.serve()
    yield server.address
    server.remove()


@pytest.fixture
def etcd():
    server = EtcdMember()
    server.serve()
    yield server.address
    server.remove()


@pytest.mark.parametrize(
    "plugin",
    [
        pytest.param("zookeeper", marks=pytest.mark.zookeeper),
        pytest.param("etcd", marks=pytest.mark.etcd),
    ],
)
def test_sessions_and_leases(seen, request, plugin):
    """
    A child that ends in good order, with sessions of its own, ends none of its parent's.
    """
    address = request.getfixturevalue(plugin)
    assert ["parent", "child", "child"] == seen("announced", plugin, address)
