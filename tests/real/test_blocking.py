"""
Plain threads: programs that block for their calls, and methods that block in the server.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LIMIT_S = 60
#: Python 3.12 warns of a fork among threads, which is what one test is about.
QUIET = ("-W", "ignore::DeprecationWarning")


def environment():
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    return {**os.environ, "PYTHONPATH": paths}


@pytest.fixture
def address():
    """
    Where the blocking service listens.
    """
    with subprocess.Popen(
        [sys.executable, str(HERE / "blocking_service.py")],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as server:
        yield server.stdout.readline().strip()
        server.kill()


def begin(what, address):
    return subprocess.Popen(
        [sys.executable, *QUIET, str(HERE / "blocking_world.py"), what, address],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def finish(program):
    out, err = program.communicate(timeout=LIMIT_S)
    assert ("", 0) == (err, program.returncode)
    return json.loads(out)


def test_many_threads(address):
    """
    One application serves thirty threads at once.
    """
    assert [630, True] == finish(begin("many_threads", address))


def test_what_comes_beside_answers(address):
    """
    A block hears the calls of its own thread; a stream tells what came with it.
    """
    assert [160, True, "count", "count"] == finish(begin("heard", address))


def test_explained(address):
    """
    Where a call would go is told to plain threads, too.
    """
    assert ["echo", [1.0]] == finish(begin("explained", address))


def test_shapes(address):
    """
    Every shape of call blocks for its answer; a stream is a plain iterator.
    """
    expected = ["a", 6, [8, []], [0, 1], "DEADLINE_EXCEEDED"]
    assert expected == finish(begin("shapes", address))


def test_dropped_streams(address):
    """
    A loop that is left, or a stream that is dropped, ends the call at the server.
    """
    assert [8] == finish(begin("dropped", address))


def test_iterators_that_block(address):
    """
    A caller's iterator may block: it has a thread, other calls go on, and deadlines hold.
    """
    echoes, sums, threads, failed, status, doubled = finish(begin("iterators", address))
    assert [["0", "1", "2"], [3, 3]] == [echoes, sums]
    assert ["requests of demo.Slow/total"] == threads
    assert ["the caller's own", "DEADLINE_EXCEEDED", [2, 4]] == [failed, status, doubled]


def test_ctrl_c(address):
    """
    Ctrl-C ends the wait and the call, at the server too; the application can go on.
    """
    program = begin("interrupted", address)
    assert "calling\n" == program.stdout.readline()
    program.send_signal(signal.SIGINT)
    assert [1] <= finish(program)


def test_a_fork(address):
    """
    A forked child is told that its parent's application is none of its own; that calls on.
    """
    call, make, echo = finish(begin("forked", address))
    assert "forked" in call
    assert "made" == make
    assert "a" == echo


def test_the_reactors_own_thread(address):
    """
    A blocking call in the reactor's own thread is refused, for it would never end.
    """
    (told,) = finish(begin("within", address))
    assert "never end" in told


def test_callers_block_for_their_answers(address):
    """
    A function for one method returns the result itself, streams too, within its time limit.
    """
    assert ["a", 3, "DEADLINE_EXCEEDED", True] == finish(begin("typed", address))
