"""
Under an asyncio loop, with and without uvloop: both worlds in one process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLD = Path(__file__).with_name("asyncio_world.py")

SHAPES = [
    "a",
    "slept",
    "waited",
    10,
    "gave up",
    [0, 1, 2],
    6,
    6,
    [0, 2, 4],
    [{"heard": "x"}, ["x"], {"bye": "x"}],
    [8, []],
]


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def seen(request):
    """
    What the program saw; it must have had nothing to say beside it.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, "-W", "always", str(WORLD), request.param],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert "" == done.stderr
    assert 0 == done.returncode
    return json.loads(done.stdout)


def test_from_tasks(seen):
    """
    Every shape is called from an asyncio Task, and served by methods that await asyncio's things.
    """
    assert SHAPES == seen["task"]


def test_from_twisted(seen):
    """
    The same client serves a coroutine that Twisted drives, in the same process.
    """
    assert SHAPES == seen["deferred"]


def test_deadlines(seen):
    """
    Deadlines hold for calls and for streams.
    """
    assert "DEADLINE_EXCEEDED" == seen["deadline"]
    assert "DEADLINE_EXCEEDED" == seen["stream deadline"]


def test_cancelled_tasks(seen):
    """
    A cancelled Task gives up its call, at the server too, whatever it waited for.
    """
    assert [["CancelledError"] * 9, ["after", "count"]] == seen["tasks"]


def test_cancelled_deferreds(seen):
    """
    A cancelled Deferred gives up its call, at the server too.
    """
    ended, closed = seen["deferreds"]
    assert ["after", "count"] == closed
    assert set(ended) <= {"CancelledError", "Cancelled"}


def test_dropped_streams(seen):
    """
    A loop that is left, or a stream that is dropped, ends the call at the server.
    """
    assert ["count"] * 5 == seen["dropped"]


def test_many_at_once(seen):
    """
    Calls beside each other get their own answers.
    """
    assert ["0", "1", "2", *(str(n) for n in range(50))] == seen["at once"]


def test_nothing_is_left(seen):
    """
    What ended, however it did, is no longer counted as going on.
    """
    assert [[], 0, 0] == seen["left"]
