"""
The pages that look at threads.
"""

from __future__ import annotations

import threading

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from rpcfw.admin.rendering.json_text import plain
from rpcfw.spi.page import PageRefused, PageRequest
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.page import FixedProcess, PageContract, asked
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_pages.profile import Profile
from rpcfw_pages.sampler import Sampler, is_idle
from rpcfw_pages.threads import Threads


class Stopped:
    """
    An event whose wait moves a clock.
    """

    def __init__(self, clock):
        self.clock = clock
        self.is_set = False

    def wait(self, seconds):
        self.clock.advance(seconds)
        return self.is_set

    def set(self):
        self.is_set = True


class QuickProfile(Profile):
    """
    Takes no time.
    """

    def stopped(self):
        return Stopped(self.plugin_context.clock)


class TestThreadsContract(PageContract):
    def make(self):
        return Threads(NoOptions(), plugin_context())


class TestProfileContract(PageContract):
    def make(self):
        return QuickProfile(NoOptions(), plugin_context())


@pytest.fixture
def busy():
    """
    A thread that stands in `stand_here`, until the test ends.
    """
    going, done = threading.Event(), threading.Lock()
    done.acquire()

    def stand_here():
        going.set()
        with done:
            pass

    thread = threading.Thread(target=stand_here, name="counting")
    thread.start()
    going.wait(10)
    yield
    done.release()
    thread.join()


def test_threads_have_names_and_places(busy):
    """
    Each thread is there with its name, and the innermost function first.
    """
    found = plain(asked(Threads(NoOptions(), plugin_context())))

    stack = found["stacks"].partition("counting (")[2]
    assert "stand_here" in stack.splitlines()[1]
    assert found["threads"]["count"] >= 2


def test_a_profile_counts_functions(busy):
    """
    A function that is always there takes all of the time of its thread.
    """
    found = plain(asked(QuickProfile(NoOptions(), plugin_context()), query={"seconds": "1"}))

    assert 100 == found["profile"]["samples"]
    (row,) = [each for each in found["functions"] if each["function"].endswith("stand_here")]
    assert row["self_percent"] > 0
    assert row["self_percent"] == row["total_percent"]
    (thread,) = [each for each in found["threads"] if each["thread"] == "counting"]
    assert (100, 100) == (thread["samples"], thread["busy_percent"])


def test_stacks_for_a_flame_graph(busy):
    """
    A line has the thread, the functions from the outside, and a number.
    """
    page = QuickProfile(NoOptions(), plugin_context())

    lines = asked(page, query={"view": "stacks", "seconds": "1"}).body.decode().splitlines()

    (line,) = [each for each in lines if each.startswith("counting;")]
    assert line.endswith(" 100")
    assert "stand_here" in line.rpartition(";")[2]


@pytest.mark.parametrize("query", [{"seconds": "61"}, {"seconds": "x"}, {"view": "pictures"}])
def test_a_profile_is_bounded(query):
    """
    It takes a minute at most.
    """
    with pytest.raises(PageRefused):
        asked(QuickProfile(NoOptions(), plugin_context()), query=query)


def test_a_profile_ends_when_nobody_waits_for_it():
    """
    If whoever asked has gone, the thread stops looking.
    """

    class Threads:
        def call(self, function, *arguments):
            return Deferred()

    events = []

    class Kept(QuickProfile):
        def stopped(self):
            events.append(super().stopped())
            return events[0]

    page = Kept(NoOptions(), plugin_context(threads=Threads()))
    running, failures = spawn(page.render(PageRequest(FixedProcess()))), []
    running.addErrback(failures.append)

    running.cancel()

    assert failures[0].check(CancelledError)
    assert events[0].is_set


def test_a_sampler_that_is_stopped_ends():
    """
    After `stop` it looks no more.
    """
    clock = Clock()
    sampler = Sampler(clock.seconds, Stopped(clock))
    sampler.stop()

    sampler.run(60)

    assert 1 == sampler.samples


def test_a_sampler_that_is_late_does_not_hurry():
    """
    After a pause it goes on, and ends in time.
    """
    clock = Clock()

    class Late(Stopped):
        def wait(self, seconds):
            self.clock.advance(0.4)

    sampler = Sampler(clock.seconds, Late(clock))

    sampler.run(1)

    assert 4 == sampler.samples


def test_waiting_threads_are_idle():
    """
    A reactor that waits for events does nothing, and so does a thread of a pool.
    """
    assert is_idle(("/lib/twisted/internet/epollreactor.py", 244, "EPollReactor.doPoll"))
    assert is_idle(("/rpcfw/app/epoll_reactor.py", 80, "EPollReactor._poll"))
    assert is_idle(("/lib/python3.11/threading.py", 320, "Condition.wait"))
    assert is_idle(("/plugins/zookeeper/kazoo/handler.py", 175, "KazooHandler.select"))
    assert not is_idle(("/srv/shop.py", 3, "Shop.wait"))
