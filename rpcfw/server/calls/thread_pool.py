"""
The thread pool of blocking methods, with a bounded queue.

If the queue is full, a call is refused at once, with the promise that it was not begun, so
that the caller can use another server. So is a call that waits for longer than the limit, if
there is one, and a call of a method that has used its share up. A call that is cancelled or
refused while it is in the queue never runs. One that runs keeps its thread until it has ended.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from math import inf
from typing import Any

from twisted.internet.interfaces import IReactorThreads
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from rpcfw.errors import CallError, Overloaded
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.server.calls.thread_share import ThreadShare
from rpcfw.server.options import ServerOptions
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.spi.runtime.metrics import Gauge, Meter
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases

__all__ = ["BlockingThreads", "QueueTimeout", "blocking_threads", "threads_for"]


class QueueTimeout(Overloaded):
    """
    A call waited too long for a thread: it was not begun, and never will be.
    """


class _Job(Waiter[Any]):
    """
    A method that runs in the pool, or waits for a thread.
    """

    def __init__(self, work: Callable[[], Any], share: ThreadShare[_Job] | None) -> None:
        super().__init__()
        #: Of its method; None if there is no limit.
        self.share = share
        self._work = work
        #: Taken by the thread that runs it, or by its refusal: popping is atomic.
        self._claims = [None]
        self._limit: DelayedCall | None = None

    def run(self) -> Any:
        """
        Run in a thread; do nothing if it was cancelled or refused before.
        """
        return None if self.called or not self._claim() else self._work()

    def note_wait(self, call: Call, seconds: Callable[[], float]) -> None:
        """
        Add the wait for a thread to the phases of a call.
        """
        phases = call.phases
        if phases is None:
            phases = call.phases = Phases()
        self._work = partial(_work_noted, phases, seconds, seconds(), self._work)

    def limit_wait(self, clock: Clock, max_wait_s: float) -> None:
        """
        Refuse it if no thread has begun it by then.
        """
        self._limit = clock.callLater(max_wait_s, self._refuse, max_wait_s)

    def _refuse(self, max_wait_s: float) -> None:
        if self.called or not self._claim():
            return
        self._work = _nothing
        self.errback(
            QueueTimeout(
                f"no thread was free within {max_wait_s:g} s; "
                "see the options threads and max_queue_time"
            )
        )

    def _claim(self) -> bool:
        try:
            self._claims.pop()
        except IndexError:
            return False
        return True

    def cancel(self) -> None:
        self._work = _nothing  # what it holds may be large, and its turn may be far
        super().cancel()

    def settle(self, ok: bool, result: Any) -> None:
        if self._limit is not None and self._limit.active():
            self._limit.cancel()
        if not self.called:
            (self.callback if ok else self.errback)(result)


class BlockingThreads:
    """
    One bounded pool. With a test clock, which has no threads, methods run at once.

    Args:
        reactor: gets the results.
        size: number of threads.
        queue: how many calls may wait for a thread.
        busy: counts the calls that run or wait.
        full: the error message for a call that finds the queue full.
    """

    log = Logger()

    def __init__(self, reactor: Any, size: int, queue: int, busy: Gauge, full: str) -> None:
        self._reactor = reactor
        self._has_threads = IReactorThreads.providedBy(reactor)
        self.size = size
        self._queue = queue
        self._busy = busy
        self._full = full
        self._wait_limit: tuple[Clock, float] | None = None
        #: Measures how long calls wait for a thread; None: nobody does.
        self.clock: Clock | None = None
        #: By the function, of which there are as many as methods.
        self._shares: dict[Any, ThreadShare[_Job]] = {}
        #: How many threads and places in the queue one method may take; None: all.
        self._method_limits: tuple[int, int] | None = None
        self._pool = ThreadPool(minthreads=0, maxthreads=size, name="rpcfw blocking")
        # Daemons: a method that never returns must not prevent the end of the process.
        self._pool.threadFactory = partial(threading.Thread, daemon=True)  # type: ignore[assignment]  # makes one all the same

    @property
    def waiting(self) -> int:
        """
        How many calls wait because all threads are busy.
        """
        return max(0, int(self._busy.value) - self.size)

    def limit_wait(self, clock: Clock, max_wait_s: float) -> None:
        """
        Refuse calls that wait for a thread for longer than this.
        """
        self._wait_limit = clock, max_wait_s

    def limit_methods(self, share: float) -> None:
        """
        Leave a part of the threads and the queue to other methods.

        Args:
            share: what one method may take of them, 0 to 1. It has one thread at least.
        """
        threads, queue = max(1, int(self.size * share)), int(self._queue * share)
        self._method_limits = (threads, queue) if threads < self.size else None

    def start(self) -> None:
        """
        Start the pool. Threads are made when they are needed.
        """
        if self._has_threads:
            self._pool.start()

    async def stop(self) -> None:
        """
        Return when nothing runs any more. A caller may stop waiting; the methods go on.
        """
        if not self._has_threads:
            return
        for share in self._shares.values():
            for job in share.take_all():
                self._begin(job)
        if self._busy.value == 0:
            self._pool.stop()
            return
        stopped: Waiter[None] = Waiter()
        # Joining blocks, so it is done in a thread of its own.
        threading.Thread(
            target=self._join, args=(stopped,), name="rpcfw blocking, ending", daemon=True
        ).start()
        await stopped

    def run(
        self, function: Callable[..., Any], arguments: tuple[Any, ...], call: Call | None = None
    ) -> Waiter[Any]:
        """
        Run a method in a thread, in the context of its call.

        Args:
            call: has the phases to which a wait for a thread is added.

        Raises:
            Overloaded: all threads are busy and the queue is full, for all methods or this one.
        """
        busy = self._busy
        if busy.value >= self.size + self._queue:
            raise Overloaded(self._full)
        share = None if self._method_limits is None else self._share(function)
        job = _Job(partial(copy_context().run, function, *arguments), share)
        waits = busy.value >= self.size
        if call is not None and self.clock is not None and (waits or call.phases is not None):
            job.note_wait(call, self.clock.seconds)
        if share is not None and share.is_used_up:
            waits = True
            busy.value += 1 - share.wait(job)
        else:
            busy.value += 1
            if share is not None:
                share.begin()
            self._begin(job)
        if waits and self._wait_limit is not None:
            job.limit_wait(*self._wait_limit)
        return job

    def _share(self, function: Callable[..., Any]) -> ThreadShare[_Job]:
        # By identity, since the service of a method may have no hash. Functions live as long as
        # the server.
        share = self._shares.get(id(function))
        if share is None:
            assert self._method_limits is not None
            name = getattr(function, "__qualname__", "this method")
            share = self._shares[id(function)] = ThreadShare(name, *self._method_limits)
        return share

    def _begin(self, job: _Job) -> None:
        if self._has_threads:
            self._pool.callInThreadWithCallback(partial(self._ran, job), job.run)
        else:
            self._run_here(job)

    def _ran(self, job: _Job, ok: bool, result: Any) -> None:
        self._reactor.callFromThread(self._settle, job, ok, result)

    def _run_here(self, job: _Job) -> None:
        try:
            result = job.run()
        except Exception:  # noqa: BLE001  # raised where the result is awaited
            self._settle(job, False, Failure())
        else:
            self._settle(job, True, result)

    def _settle(self, job: _Job, ok: bool, result: Any) -> None:
        self._busy.value -= 1
        if job.share is not None:
            following, dropped = job.share.end()
            self._busy.value -= dropped
            if following is not None:
                job.share.begin()
                self._begin(following)
        # A CallError may be the caller's fault, and is not worth a line if nobody waits for it.
        if job.called and not ok and not result.check(CallError):
            self.log.failure("a blocking method failed after its call was over", failure=result)
        job.settle(ok, result)

    def _join(self, stopped: Waiter[None]) -> None:
        self._pool.stop()
        self._reactor.callFromThread(_notify, stopped)


def _work_noted(
    phases: Phases, seconds: Callable[[], float], since: float, work: Callable[[], Any]
) -> Any:
    phases.in_queue = seconds() - since
    phases.queue += phases.in_queue
    return work()


def _nothing() -> None:
    """
    Do what is left of a call that was given up.
    """


def _notify(stopped: Waiter[None]) -> None:
    if not stopped.called:
        stopped.callback(None)


def blocking_threads(reactor: Any, size: int, queue: int, meter: Meter) -> BlockingThreads:
    """
    Return the pool of blocking methods.
    """
    return BlockingThreads(
        reactor,
        size,
        queue,
        meter.gauge("rpcfw_server_blocking_calls", "calls in or before the thread pool").of(),
        f"all {size} threads are busy and {queue} calls wait for one; "
        "see the options threads and max_thread_queue",
    )


def threads_for(
    methods: MethodTable, options: ServerOptions, reactor: Any, clock: Clock, meter: Meter
) -> BlockingThreads:
    """
    Return the pool of a server's blocking methods, with the limits that its options name.
    """
    threads = blocking_threads(reactor, options.threads, options.max_thread_queue, meter)
    threads.clock = clock
    meter.observed_gauge(
        "rpcfw_server_blocking_threads", "the most blocking methods that run at once"
    ).add(lambda: [((), threads.size)])
    meter.observed_gauge(
        "rpcfw_server_blocking_calls_waiting", "calls of blocking methods that wait for a thread"
    ).add(lambda: [((), threads.waiting)])
    if options.max_queue_time < inf:
        threads.limit_wait(clock, options.max_queue_time)
    if sum(bound.blocking for bound in methods.by_path.values()) > 1:
        threads.limit_methods(options.max_method_threads)
    return threads
