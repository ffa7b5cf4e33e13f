"""
Waiting, whoever drives: Twisted alone.
"""

from __future__ import annotations

import gc
from contextvars import ContextVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import DeadlineExceeded, Unavailable
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import Waiter, as_coroutine, sleep, spawn, with_deadline


class Undone(Waiter[str]):
    """
    Notes that its awaiter gave up.
    """

    undone = 0

    def cancel(self) -> None:
        self.undone += 1
        super().cancel()


async def wait_for(waiter):
    return await waiter


class TestWaiter(SynchronousTestCase):
    def test_a_value(self):
        """
        Who awaits gets the value that comes.
        """
        waiter: Waiter[str] = Waiter()
        done = Deferred.fromCoroutine(wait_for(waiter))
        self.assertNoResult(done)
        waiter.callback("x")

        assert "x" == self.successResultOf(done)

    def test_a_value_that_is_here_already(self):
        """
        A value that came before the await is not waited for.
        """
        waiter: Waiter[str] = Waiter()
        waiter.callback("x")

        assert "x" == self.successResultOf(Deferred.fromCoroutine(wait_for(waiter)))

    def test_a_failure(self):
        """
        Who awaits gets the error that comes instead.
        """
        waiter: Waiter[str] = Waiter()
        done = Deferred.fromCoroutine(wait_for(waiter))
        waiter.errback(Unavailable("away"))

        assert "away" == self.failureResultOf(done, Unavailable).value.message

    def test_giving_up(self):
        """
        When the awaiter gives up, the waiter is told, and nothing is logged.
        """
        waiter = Undone()
        done = Deferred.fromCoroutine(wait_for(waiter))
        done.cancel()

        self.failureResultOf(done, CancelledError)
        assert 1 == waiter.undone
        del waiter, done
        gc.collect()
        assert [] == self.flushLoggedErrors()


class TestSleep(SynchronousTestCase):
    def test_it_takes_its_time(self):
        """
        Sleep lasts as long as it was asked for.
        """
        clock = Clock()
        done = Deferred.fromCoroutine(sleep(clock, 1.0))
        clock.advance(0.99)
        self.assertNoResult(done)
        clock.advance(0.02)

        assert self.successResultOf(done) is None

    def test_giving_up(self):
        """
        A sleep that is given up leaves nothing on the clock.
        """
        clock = Clock()
        done = Deferred.fromCoroutine(sleep(clock, 1.0))
        done.cancel()

        self.failureResultOf(done, CancelledError)
        assert [] == clock.getDelayedCalls()


class TestLimited(SynchronousTestCase):
    def setUp(self):
        self.clock = Clock()
        self.timers = Timers(self.clock)

    def with_deadline(self, coroutine, seconds: float = 1.0):
        """
        Drive a coroutine under a limit.
        """

        async def outer():
            return await with_deadline(coroutine, self.timers, self.clock.seconds() + seconds)

        return Deferred.fromCoroutine(outer())

    def test_in_time(self):
        """
        What ends in time gives its value, and the limit is forgotten.
        """
        waiter = Undone()
        done = self.with_deadline(wait_for(waiter))
        waiter.callback("x")
        self.clock.advance(5)

        assert "x" == self.successResultOf(done)
        assert 0 == waiter.undone

    def test_without_waiting(self):
        """
        What does not wait at all gives its value at once.
        """

        async def answer():
            return 5

        assert 5 == self.successResultOf(self.with_deadline(answer()))

    def test_time_is_over(self):
        """
        When the time is over, the innermost wait is given up and the caller told so.
        """
        waiter = Undone()

        async def middle():
            return await wait_for(waiter)

        done = self.with_deadline(middle())
        self.clock.advance(0.99)
        self.assertNoResult(done)
        self.clock.advance(0.02)

        self.failureResultOf(done, DeadlineExceeded)
        assert 1 == waiter.undone

    def test_what_is_awaited_changes(self):
        """
        The limit covers the wait of the moment, not the first one.
        """
        waiters = [Undone(), Undone()]

        async def both():
            await waiters[0]
            await waiters[1]

        done = self.with_deadline(both())
        waiters[0].callback("x")
        self.clock.advance(2)

        self.failureResultOf(done, DeadlineExceeded)
        assert [0, 1] == [waiter.undone for waiter in waiters]

    def test_errors_pass(self):
        """
        An error of the coroutine's own is not touched.
        """
        waiter: Waiter[str] = Waiter()
        done = self.with_deadline(wait_for(waiter))
        waiter.errback(ZeroDivisionError())

        self.failureResultOf(done, ZeroDivisionError)
        self.clock.advance(5)

    def test_errors_can_be_caught_inside(self):
        """
        A coroutine that mends an error goes on under the same limit.
        """
        first, second = Undone(), Undone()

        async def mending():
            try:
                await first
            except ZeroDivisionError:
                return await second

        done = self.with_deadline(mending())
        first.errback(ZeroDivisionError())
        self.assertNoResult(done)
        second.callback("mended")

        assert "mended" == self.successResultOf(done)

    def test_giving_up_from_outside(self):
        """
        A caller that gives up is no deadline: it stays a cancellation.
        """
        waiter = Undone()
        done = self.with_deadline(wait_for(waiter))
        done.cancel()

        self.failureResultOf(done, CancelledError)
        assert 1 == waiter.undone
        self.clock.advance(5)

    def test_what_a_coroutine_makes_of_it(self):
        """
        A coroutine may answer its own cancellation with an error, which passes.
        """

        async def stubborn():
            try:
                await Undone()
            except CancelledError:
                raise Unavailable("gave up") from None

        done = self.with_deadline(stubborn())
        self.clock.advance(2)

        self.failureResultOf(done, Unavailable)

    def test_cleaning_up(self):
        """
        A coroutine may wait while it cleans up after its time; the caller is told then.
        """
        flushed: Waiter[None] = Waiter()

        async def careful():
            try:
                await Undone()
            finally:
                await flushed

        done = self.with_deadline(careful())
        self.clock.advance(2)
        self.assertNoResult(done)
        flushed.callback(None)

        self.failureResultOf(done, DeadlineExceeded)

    def test_limits_within_limits(self):
        """
        Of two limits the shorter counts, and is told as the inner one's.
        """

        async def inner():
            try:
                return await with_deadline(wait_for(Undone()), self.timers, 1.0)
            except DeadlineExceeded:
                return "inner"

        done = self.with_deadline(inner(), 5.0)
        self.clock.advance(1.1)
        assert "inner" == self.successResultOf(done)

        done = self.with_deadline(with_deadline(wait_for(Undone()), self.timers, 50.0), 5.0)
        self.clock.advance(5.1)
        self.failureResultOf(done, DeadlineExceeded)

    def test_many_at_once(self):
        """
        Calls whose time is over at the same moment all learn of it.
        """
        done = [self.with_deadline(wait_for(Undone())) for _ in range(100)]
        self.clock.advance(2)

        for one in done:
            self.failureResultOf(one, DeadlineExceeded)

    def test_a_coroutine_that_is_thrown_away(self):
        """
        A coroutine that nobody drives any more is closed with what is inside.
        """
        closed = []

        async def inner():
            try:
                await Waiter()
            finally:
                closed.append(True)

        outer = as_coroutine(with_deadline(inner(), self.timers, 1.0))
        outer.send(None)
        outer.close()

        assert [True] == closed


class TestSpawn(SynchronousTestCase):
    def test_it_runs_at_once(self):
        """
        Without an asyncio loop, a spawned coroutine runs up to its first wait at once.
        """
        waiter: Waiter[str] = Waiter()
        done = spawn(wait_for(waiter))
        waiter.callback("x")

        assert "x" == self.successResultOf(done)

    def test_it_has_its_own_context(self):
        """
        What a spawned coroutine sets in its context is not seen by who spawned it.
        """
        variable: ContextVar[str] = ContextVar("variable", default="outer")

        async def inner():
            variable.set("inner")
            return variable.get()

        assert "inner" == self.successResultOf(spawn(inner()))
        assert "outer" == variable.get()

    def test_anything_awaitable(self):
        """
        What is awaitable but no coroutine can be spawned too.
        """
        waiter: Waiter[str] = Waiter()
        done = spawn(as_coroutine(waiter))
        waiter.callback("x")

        assert "x" == self.successResultOf(done)


def test_a_limit_on_what_cannot_be_cancelled():
    """
    A canceller that fails ends the wait with its error; what expires next is not kept up.
    """
    clock = Clock()
    timers = Timers(clock)

    async def wait() -> None:
        await Deferred(lambda _: 1 / 0)

    ends = [spawn(with_deadline(wait(), timers, 1.0)) for _ in range(2)]
    clock.advance(2)
    for end in ends:
        assert end.called
        end.addErrback(lambda failure: failure.trap(ZeroDivisionError))
