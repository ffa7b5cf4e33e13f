"""
Where applications are made, started and called: each place works, or says what to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT_S = 120


def run(what, *reactor):
    """
    Return what a program saw; it must have had nothing to say beside it.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, "-W", "always", str(HERE / "places_world.py"), what, *reactor],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert ("", 0) == (done.stderr, done.returncode)
    return json.loads(done.stdout)


@pytest.mark.parametrize("reactor", ["auto", "asyncio", "uvloop"])
@pytest.mark.parametrize("what", ["in_a_coroutine", "at_module_level", "loop_in_a_thread"])
def test_under_asyncio_run(what, reactor):
    """
    Whatever the option says, and wherever it is made, an application runs in the loop.
    """
    assert "hello bob" == run(what, reactor)


@pytest.mark.parametrize("reactor", ["auto", "epoll", "asyncio", "uvloop"])
@pytest.mark.parametrize("what", ["run_at_module_level", "run_in_a_thread"])
def test_application_run(what, reactor):
    """
    An application runs a program, in the main thread and in another one.
    """
    assert "hello bob" == run(what, reactor)


@pytest.mark.parametrize("reactor", ["auto", "asyncio"])
def test_one_loop_after_another(reactor):
    """
    Each asyncio.run of a process may have an application, as each test of a suite.
    """
    assert ["hello bob"] * 3 == run("one_loop_after_another", reactor)


@pytest.mark.parametrize("reactor", ["auto", "epoll", "asyncio", "uvloop"])
def test_blocking_in_a_loop(reactor):
    """
    In a notebook, whose cells run in a loop, the blocking facade has a reactor of its own.
    """
    assert run("blocking_in_a_loop", reactor)


def test_from_another_thread():
    """
    Another thread asks for a client and hands its call to the loop.
    """
    assert "hello bob" == run("from_another_thread")


@pytest.mark.parametrize("what", ["epoll_in_a_loop", "made_in_a_loop_of_epolls"])
def test_a_reactor_that_does_not_run(what):
    """
    A reactor that somebody imported does not run in a loop: that is said at once.
    """
    assert "EPollReactor is installed already, and does not run" in run(what)


def test_epoll_asked_for_in_a_loop():
    """
    So is what the option asks for and cannot be.
    """
    assert "[app] reactor is epoll, but an asyncio loop runs here" in run("told_of_epoll", "epoll")


def test_in_another_loop():
    """
    Everything that can be awaited of an application is refused in another loop, at once.
    """
    first, echo, *told = run("in_another_loop")
    assert [0, "hello bob"] == [first, echo]
    outside = "awaited outside of its application's asyncio loop, which runs in the thread"
    assert [True] * 5 == [outside in text for text in (*told[:4], told[5])]
    assert [True] * 2 == ["this application runs already" in text for text in (told[4], told[6])]


def test_after_its_loop():
    """
    An application whose asyncio.run has ended says so.
    """
    told = run("after_its_loop")
    assert [True] * 2 == [
        "after the asyncio loop of its application was closed" in one for one in told
    ]


def test_a_loop_beside_the_blocking_facade():
    """
    The reactor's thread has one world, and a loop in the main thread is not it.
    """
    call, stop, new = run("loop_beside_blocking")
    assert [True] * 2 == [
        "on Twisted's reactor in the thread 'rpcfw reactor'" in one for one in (call, stop)
    ]
    assert "EPollReactor is installed already, and runs in another thread" in new


def test_application_run_in_a_loop():
    """
    It is refused where a loop runs, which goes on: a notebook keeps its kernel.
    """
    told, answer = run("run_in_a_loop")
    assert "async with app" in told
    assert "hello bob" == answer


def test_application_run_twice():
    """
    Twisted's reactor runs once in a process, which is said.
    """
    first, told = run("run_twice")
    assert "first" == first
    assert "runs once in a process" in told
