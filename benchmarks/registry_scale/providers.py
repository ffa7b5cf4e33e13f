"""
A process with the simulated providers: each connection announces a part of all instances.

They renew their leases as the registry's client does, after a third of the time. In a rolling
restart each instance is withdrawn and announced anew by calls of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
from twisted.internet import reactor

from benchmarks.registry_scale.link import Link
from benchmarks.registry_scale.restart import schedule
from benchmarks.registry_scale.scale import Scale, record
from benchmarks.registry_scale.tcp import connect
from benchmarks.registry_scale.worker import answer, run
from rpcfw.errors import CallError
from rpcfw_registries.standalone.messages import Granted, Renewed
from rpcfw_registries.standalone.session import ANNOUNCE, RENEW, WITHDRAW

_clock: Any = reactor
_LEASE_S = 60.0
_PER_CONNECTION = 500
_granted = msgspec.json.Decoder(Granted).decode
_renewed = msgspec.json.Decoder(Renewed).decode


class Provider:
    """
    A part of all instances, with a connection.
    """

    def __init__(self, first: int, count: int, fleet: Fleet) -> None:
        self._fleet = fleet
        self._port = fleet.ports[first // _PER_CONNECTION % len(fleet.ports)]
        self._owner = f"provider-{first}"
        self.lives = dict.fromkeys(range(first, first + count), 0)
        self._keys: dict[int, tuple[str, str]] = {}
        self._records: dict[int, bytes] = {}
        self._link: Link | None = None
        self._announced = False

    def open(self) -> None:
        """
        Connect, and announce all.
        """
        connect(_clock, f"127.0.0.1:{self._port}", self._link_made, self._gone)

    def restart(self, number: int) -> None:
        """
        Withdraw an instance, and announce its next life.
        """
        if self._link is None:
            return
        request = WITHDRAW.request_type(owner=self._owner, keys=[self._keys[number]])
        self._link.call(WITHDRAW, request, self._checked)
        self.lives[number] += 1
        del self._records[number]
        self._announce([number])

    def _link_made(self) -> Link:
        return Link(self._opened, self._lost, lambda body: None)

    def _opened(self, link: Link) -> None:
        self._link = link
        self._announce(list(self.lives))
        _clock.callLater(_LEASE_S / 3, self._renew, link)

    def _announce(self, numbers: list[int]) -> None:
        assert self._link is not None
        for number in numbers:
            if number not in self._records:
                made = record(number, self.lives[number], self._fleet.scale, _clock.seconds())
                self._keys[number], self._records[number] = made[:2], made[2]
        records = [msgspec.Raw(self._records[number]) for number in numbers]
        request = ANNOUNCE.request_type(owner=self._owner, lease_s=_LEASE_S, records=records)
        self._link.call(ANNOUNCE, request, self._granted)

    def _granted(self, reply: bytes | CallError) -> None:
        body = self._checked(reply)
        refused = _granted(body).refused if body else []
        if refused:
            self._fleet.errors.append(refused[0].reason)
        if not self._announced:
            self._announced = True
            self._fleet.announced += len(self.lives)

    def _renew(self, link: Link) -> None:
        if link is not self._link:
            return
        keys = list(self._keys.values())
        request = RENEW.request_type(owner=self._owner, lease_s=_LEASE_S, keys=keys)
        link.call(RENEW, request, self._renewed)
        _clock.callLater(_LEASE_S / 3, self._renew, link)

    def _renewed(self, reply: bytes | CallError) -> None:
        body = self._checked(reply)
        if body and (missing := _renewed(body).missing):
            lost = set(missing)
            self._announce([n for n, key in self._keys.items() if key in lost])

    def _checked(self, reply: bytes | CallError) -> bytes:
        if isinstance(reply, CallError):
            self._fleet.errors.append(str(reply))
            return b""
        return reply

    def _lost(self, link: Link, reason: str) -> None:
        self._link = None
        self._gone(reason)

    def _gone(self, reason: str) -> None:
        ports = self._fleet.ports
        self._port = ports[(ports.index(self._port) + 1) % len(ports)]
        _clock.callLater(0.2, self.open)


class Fleet:
    """
    All providers.
    """

    def __init__(self, scale: Scale, ports: list[int]) -> None:
        self.scale = scale
        self.ports = ports
        self.announced = 0
        self.errors: list[str] = []
        self._providers = [
            Provider(first, min(_PER_CONNECTION, scale.instances - first), self)
            for first in range(0, scale.instances, _PER_CONNECTION)
        ]
        self._restarted = 0

    def announce(self, order: dict[str, Any]) -> None:
        """
        Begin all, one after the other.
        """
        for number, provider in enumerate(self._providers):
            _clock.callLater(0.05 * number, provider.open)
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
        answer(announced=self.announced, restarted=self._restarted, errors=self.errors[-5:])

    def _restart(self, number: int) -> None:
        self._restarted += 1
        self._providers[number // _PER_CONNECTION].restart(number)


def main() -> None:
    """
    Simulate.
    """
    job = json.loads(sys.argv[1])
    fleet = Fleet(Scale(**job["scale"]), job["ports"])
    run({"announce": fleet.announce, "restart": fleet.restart, "state": fleet.state})


if __name__ == "__main__":
    main()
