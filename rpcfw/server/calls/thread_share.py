"""
What one method may take of the thread pool, so that a slow one does not take every thread.

Theory of operation. Each blocking method has a share of the threads and of their queue. As
long as its calls take all of its threads, further ones wait in a queue of its own, and not in
that of the pool. So there is always a thread that calls of this method do not take.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from rpcfw.errors import Overloaded

__all__ = ["ThreadShare"]


class Job(Protocol):
    """
    A call that waits for a thread.
    """

    @property
    def called(self) -> bool:
        """
        Whether it has ended: it was cancelled or refused.
        """


J = TypeVar("J", bound=Job)


class ThreadShare(Generic[J]):
    """
    The share of one method.

    Args:
        name: of the method.
        max_threads: calls of it that may run, or be next to run.
        max_waiting: further ones that may wait.
    """

    __slots__ = ("_begun", "_max_threads", "_max_waiting", "_name", "_waiting")

    def __init__(self, name: str, max_threads: int, max_waiting: int) -> None:
        self._name = name
        self._max_threads = max_threads
        self._max_waiting = max_waiting
        self._begun = 0
        self._waiting: deque[J] = deque()

    @property
    def is_used_up(self) -> bool:
        """
        Whether a further call has to wait for one of this method.
        """
        return self._begun >= self._max_threads

    def begin(self) -> None:
        """
        Count a call that gets a thread now.
        """
        self._begun += 1

    def wait(self, job: J) -> int:
        """
        Have a call wait, and return how many were dropped that were given up meanwhile.

        Raises:
            Overloaded: too many wait already.
        """
        dropped = 0
        if len(self._waiting) >= self._max_waiting:
            before = len(self._waiting)
            self._waiting = deque(each for each in self._waiting if not each.called)
            dropped = before - len(self._waiting)
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(
                f"{self._begun} threads run {self._name} and {len(self._waiting)} calls of it "
                "wait for one of them; see the options threads and max_method_threads"
            )
        self._waiting.append(job)
        return dropped

    def end(self) -> tuple[J | None, int]:
        """
        Count the end of a call; return the next one, and how many were dropped before it.
        """
        self._begun -= 1
        dropped = 0
        while self._waiting:
            job = self._waiting.popleft()
            if not job.called:
                return job, dropped
            dropped += 1
        return None, dropped

    def take_all(self) -> list[J]:
        """
        Return all calls that wait; they need no share any more.
        """
        jobs = list(self._waiting)
        self._waiting.clear()
        self._begun += len(jobs)
        return jobs
