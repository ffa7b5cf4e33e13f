"""
Our reactor does what Twisted's does: it passes Twisted's own tests of reactors.
"""

from __future__ import annotations

import os
import sys
from itertools import pairwise

import pytest
from twisted.internet.test import test_core, test_fdset, test_threads, test_time

from tests.unit.app.pipe import Pipe, closed, logged_in, run

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


@pytest.fixture
def reactor():
    from rpcfw.app.epoll_reactor import EPollReactor

    made = EPollReactor()
    yield made
    closed(made)


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
