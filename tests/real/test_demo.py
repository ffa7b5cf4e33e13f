"""
The demo as a newcomer runs it.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.real.commands import Running, rpcfw


def left(said: str) -> list[int]:
    """
    Return which of the processes that a text names are still there.
    """
    pids = [int(pid) for pid in re.findall(r"\(process ([0-9]+)\)", said)]
    assert pids, said
    return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_no_call_is_lost():
    """
    It calls in four shapes, kills a provider, loses nothing and leaves nothing behind.
    """
    done = rpcfw("demo", RPCFW_CLIENT__TIMEOUT="not read by the demo's own processes")

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    for words in ("bidi-stream", "is killed by SIGKILL", "no call was lost", "stopped gracefully"):
        assert words in done.stdout
    assert [] == left(done.stdout)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_its_children_along(number):
    """
    However it is ended, no process of it goes on.
    """
    with Running("demo") as demo:
        said = ""
        while "provider B at" not in said:
            said += demo.line() + "\n"
        code, out, err = demo.end(number)

    assert (128 + number, "") == (code, err)
    assert [] == left(said + out)
