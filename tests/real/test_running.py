"""
A program of one coroutine whose reactor somebody else stops.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.real.commands import LIMIT_S, environment

PROGRAM = """
import sys

import rpcfw
from rpcfw.errors import SetupError
from rpcfw.spi.runtime.waiting import Waiter

app = rpcfw.Application.from_ini(sets=["registry.plugin=memory", f"app.reactor={sys.argv[1]}"])


async def main():
    from twisted.internet import reactor

    if sys.argv[2] == "returns":
        reactor.stop()
        return "returned"
    reactor.callLater(0, reactor.stop)
    try:
        await Waiter()
    finally:
        print("cancelled")


try:
    print(app.run(main))
except SetupError as error:
    print(error)
"""


TOLD = "the reactor was stopped before main had ended, so that was cancelled"


@pytest.mark.parametrize(
    ("reactor", "how", "lines"),
    [
        ("epoll", "returns", ["returned"]),
        ("epoll", "waits", ["cancelled", TOLD]),
        ("asyncio", "waits", ["cancelled", TOLD]),
    ],
)
def test_a_reactor_that_is_stopped(reactor, how, lines):
    """
    Whoever stops the reactor cancels main, if that goes on, and run says so.
    """
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, reactor, how],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (0, "") == (done.returncode, done.stderr)
    assert lines == [each.partition(":")[0] for each in done.stdout.splitlines()]
