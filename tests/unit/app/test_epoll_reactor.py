"""
Our reactor does what Twisted's does: it passes Twisted's own tests of reactors.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise

import pytest
from twisted.internet.test import test_core, test_fdset, test_threads, test_time
from twisted.logger import capturedLogs
from twisted.python import context
from twisted.python.log import ILogContext

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has epoll")

BUILDERS = (
    test_core.SystemEventTestsBuilder,
    test_fdset.ReactorFDSetTestsBuilder,
    test_threads.ThreadTestsBuilder,
    test_time.TimeTestsBuilder,
)


def of_twisted():
    """
    Return Twisted's tests as classes that test this reactor.
    """
    classes = {}
    for builder in BUILDERS:
        name, bases = builder.__name__, (builder,)
        ours = type(name, bases, {"_reactors": ["rpcfw.app.epoll_reactor.EPollReactor"]})
        for made in ours.makeTestCaseClasses().values():
            made.__module__ = __name__
            classes[made.__name__] = made
    return classes


globals().update(of_twisted())


class Pipe:
    """
    The reading end of a pipe, with a log prefix of its own.
    """

    def __init__(self, reactor, read, prefix="a pipe"):
        self._reactor = reactor
        self._read = read
        self._prefix = prefix
        self.reading, self.writing = os.pipe()
        self.lost = None
        reactor.addReader(self)

    def fileno(self):
        return self.reading

    def logPrefix(self):  # noqa: N802 - Twisted's name
        if self._prefix is None:
            raise RuntimeError("no prefix")
        return self._prefix

    def doRead(self):  # noqa: N802 - likewise
        os.read(self.reading, 100)
        return self._read()

    def connectionLost(self, reason):
        self.lost = reason
        os.close(self.reading)
        os.close(self.writing)


@pytest.fixture
def reactor():
    from rpcfw.app.epoll_reactor import EPollReactor

    made = EPollReactor()
    yield made
    internal = made._internalReaders  # noqa: SLF001  # no public name
    for selectable in made.removeAll() + list(internal):
        internal.discard(selectable)
        made.removeReader(selectable)
        selectable.connectionLost(None)


def run(reactor):
    reactor.run(installSignalHandlers=False)


def logged_in(reactor):
    """
    Run the reactor, and return the errors that it logs.
    """
    with capturedLogs() as events:
        run(reactor)
    failures = [event.get("log_failure") or event.get("failure") for event in events]
    return [failure.value for failure in failures if failure is not None]


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
    monkeypatch.setattr("rpcfw.app.epoll_reactor._MAX_CONTEXTS", 3)
    for number in range(8):
        pipe = Pipe(reactor, lambda: None, f"pipe {number}")
        os.write(pipe.writing, b"x")
        reactor.iterate()
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


def test_the_main_loop_goes_on_after_a_failure(reactor):
    """
    What fails outside of any event is logged, and the reactor runs on.
    """

    def fail_once():
        del reactor.runUntilCurrent
        raise ZeroDivisionError

    reactor.runUntilCurrent = fail_once
    reactor.callLater(0.001, reactor.stop)
    assert [ZeroDivisionError] == list(map(type, logged_in(reactor)))


def test_cancelled_calls_are_forgotten(reactor):
    """
    Delayed calls that were cancelled take no memory, even if nothing else is due.
    """
    for _ in range(1000):
        reactor.callLater(3600, lambda: None).cancel()
    reactor.callLater(0, reactor.callLater, 0, reactor.stop)
    run(reactor)
    assert not reactor._pendingTimedCalls  # noqa: SLF001  # likewise


def test_a_turn_in_which_nothing_is_due_asks_for_the_time_once(reactor):
    """
    A call that is alone on its connection is one turn; the clock is a function in Python.
    """
    asked, turns = [], []
    seconds = reactor.seconds

    def count():
        asked.append(None)
        return seconds()

    def read():
        turns.append(len(asked))
        if len(turns) == 10:
            reactor.stop()
        os.write(pipe.writing, b"x")

    pipe = Pipe(reactor, read)
    os.write(pipe.writing, b"x")
    reactor.callLater(3600, lambda: None)
    reactor.seconds = count
    run(reactor)
    assert [after - before for before, after in pairwise(turns[1:])] == [1] * 8
