"""
Which admin port is asked next.

A port that does not answer takes seconds each time, and anybody who can announce instances can
announce thousands of those. So each port has a due time of its own, later after each failure, and
ports that answered last time have connections of their own: they never wait behind the others.
To read answers takes the time of everybody, so so many bytes are read in a second at most: each
port has its share, and one that needs more is asked less often.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable

from attrs import define

from rpcfw.values.address import Address

__all__ = ["PortSchedule"]

#: Connections at a time, to ports that answered last time, and to all others.
_MAX_ANSWERING = 16
_MAX_OTHERS = 48
#: The longest time between two questions to a port that does not answer.
_MAX_PAUSE_S = 60.0
#: What is read of all ports; some 3 ms are needed for a mebibyte.
_BYTES_PER_S = 32 << 20
#: 2 to this power is longer than any pause.
_MAX_DOUBLINGS = 16


@define(eq=False)
class _Port:
    """
    One port.

    Args:
        due: when it is asked next.
        failures: since its last answer.
        answered: last time.
        size: of its last answer, in bytes.
        began: when it was asked last.
    """

    due: float
    failures: int = 0
    answered: bool = False
    size: int = 0
    began: float = 0.0


class PortSchedule:
    """
    The due times of all ports.

    Args:
        interval_s: between two questions to a port that answers.
    """

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._ports: dict[Address, _Port] = {}
        #: By whether they answered last time.
        self._due: dict[bool, deque[Address]] = {True: deque(), False: deque()}
        #: Those that are being asked, likewise.
        self._asked: dict[Address, bool] = {}
        self._taken: Counter[bool] = Counter()

    @property
    def idle(self) -> bool:
        """
        Whether all that were due have been asked.
        """
        return not (self._asked or self._due[True] or self._due[False])

    def begin(self, addresses: Iterable[Address], now: float) -> None:
        """
        Find the ports that are due. Those that are not named are forgotten.
        """
        self._ports = {each: self._ports.get(each) or _Port(now) for each in addresses}
        # A round is as long as the interval, and clocks are not that exact.
        soon = now + self._interval_s / 10
        due = [
            address
            for address, port in self._ports.items()
            if port.due <= soon and address not in self._asked
        ]
        # New ones first, and those last that have been silent for long; of each host in turn, so
        # that one which announces many does not hold up the others.
        of_host = Counter[str]()
        turns: dict[Address, int] = {}
        for address in due:
            turns[address] = of_host[address.host]
            of_host[address.host] += 1
        due.sort(key=lambda address: (self._ports[address].failures, turns[address]))
        for answered in (True, False):
            self._due[answered] = deque(
                each for each in due if self._ports[each].answered is answered
            )

    def next(self, now: float) -> Address | None:
        """
        Return a port that is to be asked now; `ended` has to follow. None: there is none.
        """
        for answered, limit in ((True, _MAX_ANSWERING), (False, _MAX_OTHERS)):
            if self._due[answered] and self._taken[answered] < limit:
                address = self._due[answered].popleft()
                self._ports[address].began = now
                self._asked[address] = answered
                self._taken[answered] += 1
                return address
        return None

    def ended(self, address: Address, *, answered: bool, size: int = 0) -> None:
        """
        Note that a port has answered, or has not.

        Args:
            size: of the answer, in bytes.
        """
        self._taken[self._asked.pop(address)] -= 1
        port = self._ports.get(address)
        if port is not None:
            port.answered, port.size = answered, size
            port.failures = 0 if answered else port.failures + 1
            port.due = port.began + self._pause_s(port)

    def _pause_s(self, port: _Port) -> float:
        longest = max(_MAX_PAUSE_S, self._interval_s)
        doubled: float = self._interval_s * 2 ** min(max(port.failures - 1, 0), _MAX_DOUBLINGS)
        return max(min(doubled, longest), port.size * len(self._ports) / _BYTES_PER_S)
