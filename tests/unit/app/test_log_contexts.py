"""
What log lines get that are written in events of connections, with each of our reactors.
"""

from __future__ import annotations

import os
import sys

import pytest
from twisted.python import context
from twisted.python.log import ILogContext

from tests.unit.app.pipe import Pipe, closed, logged_in, run


@pytest.fixture(params=["epoll", "asyncio", "uvloop"])
def reactor(request):
    if request.param == "epoll":
        if not sys.platform.startswith("linux"):
            pytest.skip("only Linux has epoll")
        from rpcfw.app.epoll_reactor import EPollReactor

        made = EPollReactor()
        yield made
        closed(made)
        return
    from rpcfw.app.asyncio_reactor import AsyncioSelectorReactor

    loop = pytest.importorskip(request.param).new_event_loop()
    made = AsyncioSelectorReactor(loop)
    yield made
    closed(made)
    loop.close()


def turn(reactor):
    """
    Run the reactor until it has read once.
    """
    reactor.iterate(0)


def test_log_lines_of_a_connection_have_its_prefix(reactor):
    """
    What is logged while a connection's bytes are handled says of which connection it is.
    """
    seen = []

    def read():
        seen.append(context.get(ILogContext)["system"])
        reactor.stop()

    pipe = Pipe(reactor, read, "of this pipe")
    os.write(pipe.writing, b"x")
    run(reactor)
    assert seen == ["of this pipe"]
    assert context.get(ILogContext)["system"] == "-"


def test_contexts_of_connections_that_ended_are_not_kept(reactor, monkeypatch):
    """
    Each connection has a log prefix of its own, and there is no end of connections.
    """
    monkeypatch.setattr("rpcfw.app.log_contexts._MAX_CONTEXTS", 3)
    for number in range(8):
        pipe = Pipe(reactor, lambda: None, f"pipe {number}")
        os.write(pipe.writing, b"x")
        turn(reactor)
        reactor.removeReader(pipe)
        pipe.connectionLost(None)
    assert len(reactor._log_contexts) <= 3  # noqa: SLF001  # nothing else shows it


def test_a_connection_without_a_prefix_is_read(reactor):
    """
    A log prefix that cannot be had is logged, and the bytes are read all the same.
    """
    pipe = Pipe(reactor, reactor.stop, prefix=None)
    os.write(pipe.writing, b"x")
    assert {"no prefix"} == set(map(str, logged_in(reactor)))


def test_what_fails_while_a_connection_is_read_ends_that_connection(reactor):
    """
    Others are served on.
    """

    def fail():
        raise ValueError("cannot be read")

    failing, other = Pipe(reactor, fail), Pipe(reactor, reactor.stop)
    os.write(failing.writing, b"x")
    os.write(other.writing, b"x")
    assert ["cannot be read"] == list(map(str, logged_in(reactor)))
    assert "cannot be read" in str(failing.lost.value)
