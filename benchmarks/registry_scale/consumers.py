"""
A process with thousands of simulated consumers, each with a connection and a stream of its own.

Each decodes every message that it gets, follows the hash of each of its lists and the stamps of
its rules, and takes the time from a provider's announcement, or the change of a rule, until here.
Only the instances themselves are not kept for each consumer: there would be ten million. After it
has lost its server, a consumer goes to another one with what it has, as the registry's client does.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from random import Random
from typing import Any

import msgspec
from twisted.internet import reactor

from benchmarks.registry_scale.link import Link
from benchmarks.registry_scale.scale import Scale, rules_of, watched_by
from benchmarks.registry_scale.tcp import connect
from benchmarks.registry_scale.worker import answer, run
from rpcfw.values.rule import Scope
from rpcfw_registries.rules.records import documents_from
from rpcfw_registries.standalone.session import WATCH
from rpcfw_registries.standalone.updates import (
    RulesUpdate,
    Topic,
    Update,
    Updates,
    Wanted,
    WantedRules,
    WatchRequest,
    hash_of_record,
)

_clock: Any = reactor
_decode = msgspec.json.Decoder(Updates).decode
_decode_update = msgspec.json.Decoder(Update).decode
_decode_rules = msgspec.json.Decoder(RulesUpdate).decode
#: As the client waits after its server is lost: up to 0.2 s, and longer when it fails again.
_RETRY_S = 0.2
_MAX_RETRY_S = 5.0


class _Tags(msgspec.Struct):
    announced_at: float


class _Record(msgspec.Struct):
    id: str
    tags: _Tags


_decode_record = msgspec.json.Decoder(_Record, strict=False).decode


class Records:
    """
    What all consumers of this process know of the records: hash and id of each.
    """

    def __init__(self) -> None:
        self._by_record: dict[bytes, tuple[str, int, float]] = {}
        self._hashes: dict[tuple[str, str], int] = {}

    def put(self, service: str, record: bytes) -> tuple[int, float]:
        """
        Return hash of a record and the time at which it was announced.
        """
        known = self._by_record.get(record)
        if known is None:
            read = _decode_record(record)
            known = read.id, hash_of_record(record), read.tags.announced_at
            self._by_record[record] = known
            self._hashes[service, read.id] = known[1]
        return known[1], known[2]

    def hash(self, service: str, id: str) -> int:
        """
        Return the hash of a record that is gone.
        """
        return self._hashes[service, id]


class Counts:
    """
    What this process received since it was asked last.
    """

    def __init__(self) -> None:
        self.messages = self.updates = self.records = self.compared = self.rules = 0
        #: Of each change, in ms.
        self.delays_ms: Counter[int] = Counter()
        self.rule_delays_ms: Counter[int] = Counter()


class _List:
    """
    One list of one consumer.
    """

    __slots__ = ("epoch", "hash", "number")

    def __init__(self) -> None:
        self.epoch = ""
        self.number = 0
        self.hash = 0


class Consumer:
    """
    One of them.
    """

    def __init__(self, number: int, fleet: Fleet) -> None:
        self._fleet = fleet
        self._port = fleet.ports[number % len(fleet.ports)]
        self.lists = {service: _List() for service in watched_by(number, fleet.scale)}
        #: The stamp of the record; None: it was sent nothing yet.
        self.rules: dict[Scope, str | None] = dict.fromkeys(rules_of(list(self.lists)))
        self._missing: set[Topic] = set()
        self._failures = 0
        self._call_id = 0
        self._link: Link | None = None

    def open(self) -> None:
        """
        Connect, and watch.
        """
        address = f"127.0.0.1:{self._port}"
        connect(_clock, address, self._link_made, self._failed)

    def _link_made(self) -> Link:
        return Link(self._opened, self._lost, self._take)

    def _opened(self, link: Link) -> None:
        self._link = link
        # Rules that it has are not sent again.
        new = {scope for scope, stamp in self.rules.items() if stamp is None}
        self._missing = {*self.lists, *new}
        rules = [WantedRules(each.kind, each.name, stamp) for each, stamp in self.rules.items()]
        request = WatchRequest([self._wanted(each) for each in self.lists], add_rules=rules)
        self._call_id = link.stream(WATCH, request)

    def _wanted(self, service: str, *, compared: bool = False) -> Wanted:
        has = self.lists[service]
        if compared or not has.epoch:
            return Wanted(service)
        return Wanted(service, has.epoch, has.number, f"{has.hash:016x}")

    def _lost(self, link: Link, reason: str) -> None:
        self._fleet.received_bytes += link.received_bytes
        self._link = None
        self._failed(reason)

    def _failed(self, reason: str) -> None:
        self._fleet.note_lost(self, reason)
        others = [port for port in self._fleet.ports if port != self._port]
        self._port = self._fleet.random.choice(others or self._fleet.ports)
        self._failures += 1
        most = min(_MAX_RETRY_S, _RETRY_S * 2**self._failures)
        _clock.callLater(most * self._fleet.random.random(), self.open)

    def _take(self, body: bytes) -> None:
        now, fleet = _clock.seconds(), self._fleet
        counts = fleet.counts
        counts.messages += 1
        message = _decode(body)
        for packed in message.updates:
            self._take_update(_decode_update(packed), now, counts)
        for packed in message.rules:
            self._take_rules(_decode_rules(packed), now, counts)
        if self._missing is not None and not self._missing:
            self._failures = 0
            fleet.note_served(self)

    def _take_update(self, update: Update, now: float, counts: Counts) -> None:
        counts.updates += 1
        service = update.service
        has = self.lists[service]
        if update.refused:
            raise RuntimeError(update.refused)
        if update.compare:
            # The simulation keeps no hashes of single records: the whole list is sent.
            counts.compared += 1
            assert self._link is not None
            again = WatchRequest(add=[self._wanted(service, compared=True)])
            self._link.send(self._call_id, again)
            return
        pushed = not update.complete and not update.hash and service not in self._missing
        if update.complete:
            has.hash = 0
        for raw in update.put:
            its_hash, announced_at = fleet_records.put(service, bytes(raw))
            has.hash ^= its_hash
            counts.records += 1
            if pushed:
                counts.delays_ms[int(1000 * (now - announced_at))] += 1
        for id in update.gone:
            has.hash ^= fleet_records.hash(service, id)
        if not update.more:
            has.epoch, has.number = update.epoch, update.number
            self._missing.discard(service)

    def _take_rules(self, update: RulesUpdate, now: float, counts: Counts) -> None:
        if update.refused:
            raise RuntimeError(update.refused)
        counts.rules += 1
        self.rules[update.topic] = update.stamp
        self._missing.discard(update.topic)
        if update.documents is not None:
            for document in documents_from(update.documents).documents:
                counts.rule_delays_ms[int(1000 * (now - float(document.body or 0)))] += 1


fleet_records = Records()


class Fleet:
    """
    All consumers of this process.
    """

    def __init__(self, scale: Scale, ports: list[int], first: int, count: int) -> None:
        self.scale = scale
        self.ports = ports
        self.random = Random(first)
        self.counts = Counts()
        self.received_bytes = 0
        self.lost: Counter[str] = Counter()
        self._served: dict[Consumer, float] = {}
        self._lost_at: dict[Consumer, float] = {}
        self._away_s: list[float] = []
        self._consumers = [Consumer(number, self) for number in range(first, first + count)]

    def connect(self, order: dict[str, Any]) -> None:
        """
        Begin all, so many in a second.
        """
        for number, consumer in enumerate(self._consumers):
            _clock.callLater(number / order["per_s"], consumer.open)
        answer()

    def note_served(self, consumer: Consumer) -> None:
        """
        Note that a consumer has all its lists.
        """
        if consumer not in self._served:
            self._served[consumer] = _clock.seconds()
            lost_at = self._lost_at.pop(consumer, None)
            if lost_at is not None:
                self._away_s.append(self._served[consumer] - lost_at)

    def note_lost(self, consumer: Consumer, reason: str) -> None:
        """
        Note that a consumer has no server.
        """
        self.lost[reason[:100]] += 1
        if self._served.pop(consumer, None) is not None:
            self._lost_at[consumer] = _clock.seconds()

    def state(self, order: dict[str, Any]) -> None:
        """
        Answer with what was received since the last time.
        """
        counts, self.counts = self.counts, Counts()
        lost, self.lost = self.lost, Counter()
        away_s, self._away_s = self._away_s, []
        answer(
            served=len(self._served),
            messages=counts.messages,
            updates=counts.updates,
            records=counts.records,
            compared=counts.compared,
            rules=counts.rules,
            delays_ms=list(counts.delays_ms.items()),
            rule_delays_ms=list(counts.rule_delays_ms.items()),
            lost=dict(lost),
            away_s=away_s,
        )

    def hashes(self, order: dict[str, Any]) -> None:
        """
        Answer with the hash of each list: those of all consumers have to be equal.
        """
        found: dict[str, set[int]] = {}
        for consumer in self._consumers:
            for service, has in consumer.lists.items():
                found.setdefault(service, set()).add(has.hash)
        answer(hashes={service: [f"{one:016x}" for one in each] for service, each in found.items()})

    def use(self, order: dict[str, Any]) -> None:
        """
        Know these servers alone from now on.
        """
        self.ports = order["ports"]
        answer()


def main() -> None:
    """
    Simulate.
    """
    job = json.loads(sys.argv[1])
    fleet = Fleet(Scale(**job["scale"]), job["ports"], job["first"], job["count"])
    run(
        {
            "connect": fleet.connect,
            "state": fleet.state,
            "hashes": fleet.hashes,
            "use": fleet.use,
        }
    )


if __name__ == "__main__":
    main()
