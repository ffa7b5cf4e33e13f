"""
A simulated node: some workers, a queue in front of them, and what is wrong with it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from random import Random

from attrs import define, field, frozen

from rpcfw.status import Status

__all__ = ["Node", "Request", "Trouble"]

#: Half of the time of a call is always the same, half is random.
_LEAST_S = _RANDOM_S = 0.01
#: A garbage collection stops a node for so long, and begins so often.
_PAUSE_S = 0.5
_PAUSE_EVERY_S = 10.0
#: A failing call fails before its work is done.
_FAILS_AFTER_S = 0.002


@frozen
class Trouble:
    """
    What is wrong with a node.

    Args:
        slower: factor of the time of each call.
        fails: share of the calls that fail.
        cold_s: time after its start in which it becomes as fast as the others, evenly; it
            begins five times slower.
    """

    slower: float = 1.0
    fails: float = 0.0
    cold_s: float = 0.0


@define(eq=False)
class Request:
    """
    A call that waits at a node.

    Args:
        deadline: by which its caller gives up; a node does not begin it later.
        done: called with the status when the node has an answer.
    """

    deadline: float
    done: Callable[[Status], None]


@define(eq=False)
class Node:
    """
    Serves as many calls at a time as it has workers.

    Args:
        workers: a machine of double the size has double as many.
        at: calls a function at a time.
        random: of the times that calls take.
        pause_at: when its first pause begins.
        started_at: when it joined the fleet.
    """

    workers: int
    at: Callable[[float, Callable[[], None]], None]
    random: Random
    pause_at: float
    started_at: float = 0.0
    trouble: Trouble = Trouble()
    served: int = 0
    _busy: int = 0
    _queue: deque[Request] = field(factory=deque)

    def receive(self, request: Request, now: float) -> None:
        """
        Serve a call, now or later.
        """
        self.served += 1
        if self._busy < self.workers:
            self._serve(request, now)
        else:
            self._queue.append(request)

    def _serve(self, request: Request, now: float) -> None:
        self._busy += 1
        fails = self.random.random() < self.trouble.fails
        needs_s = _FAILS_AFTER_S if fails else self._needs_s(now)
        end = self._end_of_work(now, needs_s)
        status = Status.UNAVAILABLE if fails else Status.OK
        self.at(end, lambda: self._ended(request, status, end))

    def _ended(self, request: Request, status: Status, now: float) -> None:
        self._busy -= 1
        request.done(status)
        while self._queue:
            waiting = self._queue.popleft()
            if waiting.deadline > now:
                self._serve(waiting, now)
                break

    def _needs_s(self, now: float) -> float:
        """
        Return how long the work of a call takes.
        """
        trouble = self.trouble
        factor = trouble.slower
        if trouble.cold_s:
            warm = min(1.0, (now - self.started_at) / trouble.cold_s)
            factor *= 5.0 - 4.0 * warm
        return factor * (_LEAST_S + self.random.expovariate(1 / _RANDOM_S))

    def _end_of_work(self, begin: float, needs_s: float) -> float:
        """
        Return when work ends; it rests while the node pauses.
        """
        since = (begin - self.pause_at) % _PAUSE_EVERY_S
        if since < _PAUSE_S:
            begin += _PAUSE_S - since
            since = _PAUSE_S
        if since + needs_s > _PAUSE_EVERY_S:
            needs_s += _PAUSE_S
        return begin + needs_s
