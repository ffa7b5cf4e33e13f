"""
A process with thousands of simulated consumers of ZooKeeper, each with a session of its own.

A watch of ZooKeeper fires once and says only that something has changed. So a consumer asks for the
whole list again, and watches anew, after each change.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from twisted.internet import reactor

from benchmarks.registry_scale.scale import Scale, watched_by
from benchmarks.registry_scale.tcp import connect
from benchmarks.registry_scale.worker import answer, run
from benchmarks.registry_scale.zookeeper_link import Session, vector
from benchmarks.registry_scale.zookeeper_names import announced_at, folder_of

_clock: Any = reactor


class Consumer:
    """
    One of them.
    """

    def __init__(self, number: int, fleet: Fleet) -> None:
        self._fleet = fleet
        self._folders = [folder_of(service) for service in watched_by(number, fleet.scale)]
        self._lists: dict[str, frozenset[bytes]] = {}
        self._session: Session | None = None

    def open(self) -> None:
        """
        Connect, and watch.
        """
        self._lists = {}
        connect(
            _clock,
            self._fleet.address,
            lambda: Session(self._opened, self._ask, self._lost, _clock),
            self._lost,
        )

    def _opened(self, session: Session) -> None:
        self._session = session
        for folder in self._folders:
            self._ask(folder)

    def _ask(self, folder: str) -> None:
        if self._session is not None:
            self._session.children(folder, lambda error, body: self._take(folder, body))

    def _take(self, folder: str, body: bytes) -> None:
        fleet, now = self._fleet, _clock.seconds()
        names = fleet.parsed(body)
        former = self._lists.get(folder)
        self._lists[folder] = names
        fleet.messages += 1
        fleet.records += len(names)
        if former is None:
            if len(self._lists) == len(self._folders):
                fleet.served += 1
            return
        for name in names - former:
            fleet.delays_ms[int(1000 * (now - announced_at(name)))] += 1

    def _lost(self, reason: str) -> None:
        self._fleet.lost[reason[:100]] += 1
        if self._session is not None and len(self._lists) == len(self._folders):
            self._fleet.served -= 1
        self._session = None
        _clock.callLater(1.0, self.open)


class Fleet:
    """
    All consumers of this process.
    """

    def __init__(self, scale: Scale, address: str, first: int, count: int) -> None:
        self.scale = scale
        self.address = address
        self.served = self.messages = self.records = 0
        self.delays_ms: Counter[int] = Counter()
        self.lost: Counter[str] = Counter()
        #: Lists by what was received: most consumers have the same ones.
        self._parsed: dict[bytes, frozenset[bytes]] = {}
        self._consumers = [Consumer(number, self) for number in range(first, first + count)]

    def parsed(self, body: bytes) -> frozenset[bytes]:
        """
        Return the names in an answer.
        """
        found = self._parsed.get(body)
        if found is None:
            if len(self._parsed) > 4 * self.scale.services:
                self._parsed.clear()
            found = self._parsed[body] = frozenset(vector(body))
        return found

    def connect(self, order: dict[str, Any]) -> None:
        """
        Begin all, so many in a second.
        """
        for number, consumer in enumerate(self._consumers):
            _clock.callLater(number / order["per_s"], consumer.open)
        answer()

    def state(self, order: dict[str, Any]) -> None:
        """
        Answer with what was received since the last time.
        """
        delays_ms, self.delays_ms = self.delays_ms, Counter()
        lost, self.lost = self.lost, Counter()
        answer(
            served=self.served,
            messages=self.messages,
            records=self.records,
            delays_ms=list(delays_ms.items()),
            lost=dict(lost),
        )
        self.messages = self.records = 0


def main() -> None:
    """
    Simulate.
    """
    job = json.loads(sys.argv[1])
    fleet = Fleet(Scale(**job["scale"]), job["zookeeper"], job["first"], job["count"])
    run({"connect": fleet.connect, "state": fleet.state})


if __name__ == "__main__":
    main()
