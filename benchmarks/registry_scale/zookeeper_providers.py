"""
A process with the simulated providers of ZooKeeper: each session has a part of all instances.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor

from benchmarks.registry_scale.restart import schedule
from benchmarks.registry_scale.scale import Scale, service_name
from benchmarks.registry_scale.tcp import connect
from benchmarks.registry_scale.worker import answer, run
from benchmarks.registry_scale.zookeeper_link import EPHEMERAL, PERSISTENT, Session
from benchmarks.registry_scale.zookeeper_names import ROOT, folder_of, path_of

_clock: Any = reactor
_PER_SESSION = 500
_NODE_EXISTS = -110


class Provider:
    """
    A part of all instances, with a session.
    """

    def __init__(self, first: int, count: int, fleet: Fleet) -> None:
        self._fleet = fleet
        self.lives = dict.fromkeys(range(first, first + count), 0)
        self._paths: dict[int, str] = {}
        self._session: Session | None = None

    def open(self) -> None:
        """
        Connect, and announce all.
        """
        lost = self._fleet.errors.append
        connect(
            _clock,
            self._fleet.address,
            lambda: Session(self._opened, lambda path: None, lost, _clock),
            lost,
        )

    def restart(self, number: int) -> None:
        """
        Withdraw an instance, and announce its next life.
        """
        if self._session is not None:
            self._session.delete(self._paths[number], self._fleet.checked)
            self.lives[number] += 1
            self._announce(number, self._fleet.checked)

    def _opened(self, session: Session) -> None:
        self._session = session
        for number in self.lives:
            self._announce(number, self._announced)

    def _announce(self, number: int, answered: Any) -> None:
        assert self._session is not None
        path = path_of(number, self.lives[number], self._fleet.scale, _clock.seconds())
        self._paths[number] = path
        self._session.create(path, EPHEMERAL, answered)

    def _announced(self, error: int, body: bytes) -> None:
        self._fleet.checked(error, body)
        self._fleet.announced += 1


class Fleet:
    """
    All providers.
    """

    def __init__(self, scale: Scale, address: str) -> None:
        self.scale = scale
        self.address = address
        self.announced = 0
        self.errors: list[str] = []
        self._restarted = 0
        self._folders = 0
        self._providers = [
            Provider(first, min(_PER_SESSION, scale.instances - first), self)
            for first in range(0, scale.instances, _PER_SESSION)
        ]

    def announce(self, order: dict[str, Any]) -> None:
        """
        Make the folders, then begin all providers, one after the other.
        """
        lost = self.errors.append
        connect(
            _clock,
            self.address,
            lambda: Session(self._make_folders, lambda path: None, lost, _clock),
            lost,
        )
        answer()

    def restart(self, order: dict[str, Any]) -> None:
        """
        Restart a part of all instances at a steady rate; answer when it has begun.
        """
        answer(count=schedule(_clock, self.scale, self._restart))

    def state(self, order: dict[str, Any]) -> None:
        """
        Answer with how far it is.
        """
        errors, self.errors = self.errors[-5:], []
        answer(announced=self.announced, restarted=self._restarted, errors=errors)

    def checked(self, error: int, body: bytes) -> None:
        """
        Note an error of the server.
        """
        if error:
            self.errors.append(f"ZooKeeper's error {error}")

    def _make_folders(self, session: Session) -> None:
        session.create(ROOT, PERSISTENT, self._made)
        for number in range(self.scale.services):
            session.create(folder_of(service_name(number)), PERSISTENT, self._made)

    def _made(self, error: int, body: bytes) -> None:
        if error != _NODE_EXISTS:
            self.checked(error, body)
        self._folders += 1
        if self._folders == self.scale.services + 1:
            for number, provider in enumerate(self._providers):
                _clock.callLater(0.05 * number, provider.open)

    def _restart(self, number: int) -> None:
        self._restarted += 1
        self._providers[number // _PER_SESSION].restart(number)


def main() -> None:
    """
    Simulate.
    """
    job = json.loads(sys.argv[1])
    fleet = Fleet(Scale(**job["scale"]), job["zookeeper"])
    run({"announce": fleet.announce, "restart": fleet.restart, "state": fleet.state})


if __name__ == "__main__":
    main()
