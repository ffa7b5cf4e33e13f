"""
The threads of blocking methods, with real threads and a reactor that the test turns.
"""

from __future__ import annotations

import queue
import threading

import pytest
from twisted.internet.interfaces import IReactorThreads
from twisted.internet.task import Clock
from zope.interface import implementer

from rpcfw.errors import Overloaded
from rpcfw.server.calls.thread_pool import QueueTimeout, blocking_threads
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.waiting import spawn

LIMIT_S = 10


@implementer(IReactorThreads)
class Turned:
    """
    A reactor of which the thread is the test's.
    """

    def __init__(self):
        self._posted = queue.Queue()

    def callFromThread(self, function, *args):  # noqa: N802 - the reactor's name
        self._posted.put((function, args))

    def turn(self):
        function, args = self._posted.get(timeout=LIMIT_S)
        function(*args)

    def callInThread(self, function):  # noqa: N802 - likewise
        raise AssertionError

    def getThreadPool(self):  # noqa: N802 - likewise
        raise AssertionError

    def suggestThreadPoolSize(self, size):  # noqa: N802 - likewise
        raise AssertionError


class Held:
    """
    A method that blocks until the test lets it go.
    """

    def __init__(self):
        self.begun = threading.Event()
        self.let_go = threading.Event()
        self.ran = 0

    def __call__(self, result):
        self.ran += 1
        self.begun.set()
        assert self.let_go.wait(LIMIT_S)
        return result


@pytest.fixture
def reactor():
    return Turned()


@pytest.fixture
def threads(reactor):
    threads = blocking_threads(reactor, 1, 1, Meter())
    threads.start()
    yield threads
    spawn(threads.stop())


def test_runs_beside(reactor, threads):
    """
    A method runs in another thread and its result comes back in the reactor's.
    """
    running = threads.run(threading.current_thread, ())
    got = []
    running.addCallback(got.append)
    assert [] == got
    reactor.turn()
    assert threading.current_thread() is not got[0]
    assert got[0].daemon


def test_raises_what_the_method_raised(reactor, threads):
    """
    What the method raises is raised where it is awaited.
    """
    running = threads.run(int, ("x",))
    caught = []
    running.addErrback(lambda failure: caught.append(failure.type))
    reactor.turn()
    assert [ValueError] == caught


def test_a_full_queue_is_a_refusal(reactor, threads):
    """
    One call more than threads and queue hold is refused at once, as not begun.
    """
    held = Held()
    first = threads.run(held, ("first",))
    second = threads.run(str, ("second",))
    with pytest.raises(Overloaded, match="max_thread_queue"):
        threads.run(str, ("third",))
    held.let_go.set()
    reactor.turn()
    reactor.turn()
    assert ("first", "second") == (first.result, second.result)


def test_a_call_given_up_keeps_its_place(reactor, threads):
    """
    A call that was given up takes its thread, and its place, until it has ended.
    """
    held = Held()
    first, second = threads.run(held, ("first",)), threads.run(str, ("second",))
    for one in (first, second):
        one.addErrback(lambda _: None)
    assert held.begun.wait(LIMIT_S)
    first.cancel()
    with pytest.raises(Overloaded):
        threads.run(str, ("third",))
    held.let_go.set()
    reactor.turn()
    reactor.turn()
    third = threads.run(str, ("third",))
    reactor.turn()
    assert "third" == third.result


def test_a_call_given_up_in_the_queue_never_runs(reactor, threads):
    """
    A call that nobody waits for any more is not begun.
    """
    held, late = Held(), Held()
    first, second = threads.run(held, ("first",)), threads.run(late, ("second",))
    assert held.begun.wait(LIMIT_S)
    second.addErrback(lambda _: None)
    second.cancel()
    held.let_go.set()
    reactor.turn()
    reactor.turn()
    assert ("first", 0) == (first.result, late.ran)


def test_a_stop_waits_beside(reactor):
    """
    A stop does not block the reactor while methods still run; it ends with them.
    """
    threads = blocking_threads(reactor, 1, 1, Meter())
    threads.start()
    held = Held()
    first = threads.run(held, ("first",))
    assert held.begun.wait(LIMIT_S)
    stopping = spawn(threads.stop())
    assert not stopping.called
    held.let_go.set()
    while not stopping.called:
        reactor.turn()
    assert "first" == first.result


def test_no_threads_on_a_clock():
    """
    On a clock methods run at once, so that services are tested without threads.
    """
    threads = blocking_threads(Clock(), 1, 1, Meter())
    threads.start()
    assert "a" == threads.run(str, ("a",)).result
    failed = threads.run(int, ("x",))
    failed.addErrback(lambda failure: failure.type)
    assert ValueError is failed.result
    assert spawn(threads.stop()).called


def test_a_long_wait_is_a_refusal(reactor, threads):
    """
    A call that waits longer than the limit is refused as not begun, and never runs.
    """
    clock = Clock()
    threads.limit_wait(clock, 0.5)
    held, late = Held(), Held()
    first = threads.run(held, ("first",))
    assert held.begun.wait(LIMIT_S)
    waiting = threads.run(late, ("late",))
    caught = []
    waiting.addErrback(lambda failure: caught.append(failure.value))
    clock.advance(0.4)
    assert [] == caught
    clock.advance(0.1)
    (error,) = caught
    assert isinstance(error, Overloaded)
    assert "no thread was free within 0.5 s" in str(error)
    assert isinstance(error, QueueTimeout)
    held.let_go.set()
    reactor.turn()
    reactor.turn()
    assert ("first", 0) == (first.result, late.ran)


def test_what_has_begun_is_not_refused(reactor, threads):
    """
    The limit is for waiting: what a thread has begun in time ends well, however long it takes.
    """
    clock = Clock()
    threads.limit_wait(clock, 0.5)
    first, second = Held(), Held()
    threads.run(first, ("first",))
    waiting = threads.run(second, ("second",))
    first.let_go.set()
    assert second.begun.wait(LIMIT_S)
    clock.advance(10)
    second.let_go.set()
    reactor.turn()
    reactor.turn()
    assert "second" == waiting.result
    assert [] == clock.getDelayedCalls()


def started(reactor):
    """
    Four threads and four places in the queue, of which one method may take half.
    """
    threads = blocking_threads(reactor, 4, 4, Meter())
    threads.limit_methods(0.5)
    threads.start()
    return threads


@pytest.fixture
def shared(reactor):
    threads = started(reactor)
    yield threads
    spawn(threads.stop())


def test_a_slow_method_leaves_threads(reactor, shared):
    """
    However many calls of a slow method there are, calls of another one are served at once.
    """
    slow = Held()
    held = [shared.run(slow, (number,)) for number in range(4)]
    assert slow.begun.wait(LIMIT_S)
    for number in range(10):
        quick = shared.run(str, (number,))
        reactor.turn()
        assert str(number) == quick.result
    assert slow.ran <= 2
    slow.let_go.set()
    for _ in held:
        reactor.turn()
    assert [0, 1, 2, 3] == [one.result for one in held]


def test_a_slow_method_leaves_places(reactor, shared):
    """
    One call more than the share holds is refused, with the name of the method.
    """
    slow = Held()
    held = [shared.run(slow, (number,)) for number in range(4)]
    with pytest.raises(Overloaded, match="and 2 calls of it wait for one of them"):
        shared.run(slow, (5,))
    slow.let_go.set()
    for _ in held:
        reactor.turn()
    again = shared.run(slow, (5,))
    reactor.turn()
    assert 5 == again.result


def test_what_was_given_up_makes_place(reactor, shared):
    """
    Calls that were given up while they waited for their own method take no place.
    """
    slow = Held()
    held = [shared.run(slow, (number,)) for number in range(4)]
    for one in held[2:]:
        one.addErrback(lambda _: None)
        one.cancel()
    held[2:] = [shared.run(slow, (number,)) for number in (5, 6)]
    slow.let_go.set()
    for _ in held:
        reactor.turn()
    assert [0, 1, 5, 6] == [one.result for one in held]
    assert 4 == slow.ran


def test_a_stop_runs_what_waits(reactor):
    """
    Calls that wait for their own method run before the pool stops.
    """
    slow, threads = Held(), started(reactor)
    held = [threads.run(slow, (number,)) for number in range(4)]
    stopped = spawn(threads.stop())
    slow.let_go.set()
    for _ in (*held, stopped):
        reactor.turn()
    assert [0, 1, 2, 3] == [one.result for one in held]
    assert stopped.called


def test_one_thread_has_no_shares(reactor, threads):
    """
    With one thread there is nothing to divide.
    """
    threads.limit_methods(0.5)
    running = [threads.run(str, (number,)) for number in range(2)]
    for _ in running:
        reactor.turn()
    assert ["0", "1"] == [one.result for one in running]


def test_a_long_wait_for_the_own_method(reactor, shared):
    """
    A call that waits for its own method is refused when it has waited for too long.
    """
    clock, slow = Clock(), Held()
    shared.limit_wait(clock, 1.0)
    held = [shared.run(slow, (number,)) for number in range(3)]
    refused = []
    held[2].addErrback(lambda failure: refused.append(failure.type))
    clock.advance(1.1)
    assert [QueueTimeout] == refused
    slow.let_go.set()
    for _ in held[:2]:
        reactor.turn()
    assert [0, 1] == [one.result for one in held[:2]]
    assert 2 == slow.ran
