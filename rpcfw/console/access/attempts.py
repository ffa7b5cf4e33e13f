"""
How often somebody may try to log in.

Failures are counted by the address and by the name, each within a minute. A name may fail more
often than an address, or anybody could lock out an operator with a few attempts. That is still too
rarely to guess a password from many addresses.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable

from rpcfw.values.peer_host import network_of

__all__ = ["LoginAttempts"]

_WITHIN_S = 60.0
#: Failures of a name from everywhere, for one from an address.
_OF_NAME = 10
#: Names and addresses that are remembered. The one that failed longest ago is forgotten first.
_MAX_KEYS = 10_000


class LoginAttempts:
    """
    The failures of the last minute.

    Args:
        max_failures: from one address in a minute; of one name ten times as many.
        max_running: passwords that are checked at a time: each takes memory and a thread.
        seconds: monotonic time.
    """

    def __init__(self, max_failures: int, max_running: int, seconds: Callable[[], float]) -> None:
        self._max_failures = max_failures
        self._max_running = max_running
        self._seconds = seconds
        self._running = 0
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def refused(self, name: str, address: str) -> bool:
        """
        Tell whether an attempt is one too many. Otherwise it runs until `ended`.
        """
        if self._running >= self._max_running:
            return True
        if any(self._count(key) >= self._limit(key) for key in _keys(name, address)):
            return True
        self._running += 1
        # Those that run count as failures, or many could be begun at once.
        self._add(name, address)
        return False

    def ended(self, name: str, address: str, *, succeeded: bool) -> None:
        """
        Note how an attempt ended.
        """
        self._running -= 1
        if succeeded:
            for key in _keys(name, address):
                times = self._failures.get(key)
                if times:
                    times.pop()

    def _limit(self, key: tuple[str, str]) -> int:
        return self._max_failures * (_OF_NAME if key[0] == "name" else 1)

    def _count(self, key: tuple[str, str]) -> int:
        times = self._failures.get(key)
        if times is None:
            return 0
        while times and times[0] <= self._seconds() - _WITHIN_S:
            times.popleft()
        return len(times)

    def _add(self, name: str, address: str) -> None:
        for key in _keys(name, address):
            times = self._failures.setdefault(key, deque(maxlen=self._limit(key)))
            times.append(self._seconds())
            self._failures.move_to_end(key)
        while len(self._failures) > _MAX_KEYS:
            self._failures.popitem(last=False)


def _keys(name: str, address: str) -> tuple[tuple[str, str], tuple[str, str]]:
    # Of IPv6, one customer has a whole network of addresses.
    return ("name", name), ("address", network_of(address) or address)
