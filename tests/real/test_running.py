"""
How a program of one coroutine ends.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.tree import ROOT
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


HANGING = """
import socket
import sys
import threading

socket.getaddrinfo = lambda *_, **__: threading.Event().wait()

import rpcfw
from rpcfw.errors import DeadlineExceeded
from tests.lab.services import Greeter

SETS = (
    "registry.plugin=static",
    "registry.instances=* = tcp:somewhere.example:80",
    "client.timeout=100ms",
)


if sys.argv[1] == "blocking":
    with rpcfw.blocking(sets=SETS) as app:
        try:
            app.client(Greeter).say("bob")
        except DeadlineExceeded:
            print("in time")
else:
    app = rpcfw.Application.from_ini(sets=[*SETS, f"app.reactor={sys.argv[1]}"])

    async def main():
        try:
            await app.client(Greeter).say("bob")
        except DeadlineExceeded:
            print("in time")

    app.run(main)
"""


@pytest.mark.parametrize("how", ["epoll", "asyncio", "blocking"])
def test_a_resolver_that_hangs(how):
    """
    A thread that looks up a name keeps no process from ending, however long that takes.
    """
    done = subprocess.run(
        [sys.executable, "-c", HANGING, how],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert (0, "in time\n", "") == (done.returncode, done.stdout, done.stderr)
