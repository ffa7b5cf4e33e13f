"""
A sampling profiler: looks at the stacks of all threads, many times a second.
"""

from __future__ import annotations

import os.path
import threading
from collections import Counter
from collections.abc import Callable

from rpcfw_pages.frames import Place, Stack, stacks

__all__ = ["Sampler", "is_idle"]

_PER_SECOND = 100
#: More different stacks are counted as one.
_MAX_STACKS = 10_000
_OTHERS: Stack = (("", 0, "(other stacks)"),)
#: Where a thread waits: the file and the function of its innermost frame.
_IDLE = frozenset(
    {
        ("threading.py", "wait"),
        ("selectors.py", "select"),
        ("epoll_reactor.py", "_poll"),  # ours
        ("epollreactor.py", "doPoll"),
        ("pollreactor.py", "doPoll"),
        ("queue.py", "get"),
        ("thread.py", "_worker"),
        ("_threadworker.py", "work"),
        ("socket.py", "accept"),
        ("base_events.py", "run_forever"),
        # The thread of kazoo waits in our own poll.
        ("handler.py", "select"),
    }
)


class Sampler:
    """
    Counts the stacks of busy threads.

    Args:
        seconds: what time it is; called in the thread of `run`.
        stopped: set by `stop`.
    """

    def __init__(self, seconds: Callable[[], float], stopped: threading.Event) -> None:
        self._seconds = seconds
        self._stopped = stopped
        #: How often each stack was seen, of which thread.
        self.counts: Counter[tuple[str, Stack]] = Counter()
        #: How often a thread was seen, and was busy then.
        self.seen: Counter[str] = Counter()
        self.busy: Counter[str] = Counter()
        #: How often it looked.
        self.samples = 0

    def run(self, limit_s: float) -> None:
        """
        Look for some seconds, or until `stop`. Blocks, so it needs a thread of its own.
        """
        own, began_at = threading.get_ident(), self._seconds()
        for number in range(1, round(limit_s * _PER_SECOND) + 1):
            self._look(own)
            # What came late is not made up for: that would be a burst.
            passed_s = self._seconds() - began_at
            if passed_s >= limit_s:
                return
            wait_s = max(0.5 / _PER_SECOND, number / _PER_SECOND - passed_s)
            if self._stopped.wait(wait_s):
                return

    def stop(self) -> None:
        """
        End `run`. Callable from any thread.
        """
        self._stopped.set()

    def _look(self, own: int) -> None:
        self.samples += 1
        for _, name, stack in stacks(leave_out=own):
            self.seen[name] += 1
            if stack and not is_idle(stack[0]):
                self.busy[name] += 1
                key = name, stack
                if key not in self.counts and len(self.counts) >= _MAX_STACKS:
                    key = name, _OTHERS
                self.counts[key] += 1


def is_idle(place: Place) -> bool:
    """
    Tell whether a thread that is there waits for something to do.
    """
    file, _, function = place
    return (os.path.basename(file), function.rpartition(".")[2]) in _IDLE  # noqa: PTH119 - often
