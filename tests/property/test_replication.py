"""
Registry servers that keep equal copies, in thousands of random schedules on a made-up clock.

Providers announce, move, withdraw and are killed; servers crash, restart and are paused; the
bus loses, repeats, delays and reorders messages; the network falls apart and heals. Invariants:

1. At all times: a server whose provider renewed there has its registration. (If a process that
   died had the same id, the registration may be missing until the next renewal.)
2. Once all faults are over and the waiting times have passed: the copies of all servers are
   equal, and what they hold is exactly what is alive.

``REPLICATION_RUNS=20000`` runs more schedules. A failure names the seed of its schedule.
"""

from __future__ import annotations

import os
from random import Random

import msgspec
import pytest

from rpcfw_registries.standalone.node.catalog import Catalog
from rpcfw_registries.standalone.node.replication.messages import Message
from rpcfw_registries.standalone.node.replication.replica import Replica
from rpcfw_registries.standalone.node.replication.times import Times

RUNS = int(os.environ.get("REPLICATION_RUNS", "300"))
GROUPS = 20
#: Schedules that have found a defect.
FOUND = (1468,)
TIMES = Times(digest_s=5.0, lost_after_s=60.0, forget_after_s=300.0)
LEASE_S = 15.0
SERVICES = ("demo.A", "demo.B")


class Node:
    """
    One life of a server, with leases.
    """

    def __init__(self, name, place, now):
        self.place = place
        self.catalog = Catalog()
        self.leases = {}
        self.replica = Replica(name, name, self.catalog, now, TIMES, 1000, self._moved, bool)
        self.replica.members.connected = True
        self.paused = False

    def _moved(self, service, id):
        del self.leases[service, id]

    def renew(self, provider, now):
        key = provider.service, provider.id
        if provider.announced != provider.record or not self.replica.renewed(*key):
            record, owner = provider.record, provider.owner
            self.replica.put(*key, record, owner, provider.seen)
            provider.announced = provider.record
        provider.seen = self.replica.counter
        self.leases[key] = now + LEASE_S

    def withdraw(self, provider):
        if self.replica.remove(provider.service, provider.id, provider.owner):
            self.leases.pop((provider.service, provider.id), None)

    def look(self, now):
        for key, deadline in tuple(self.leases.items()):
            if deadline <= now:
                del self.leases[key]
                self.replica.remove(*key)
        self.replica.look(now)

    def records(self):
        return sorted(
            record for name in SERVICES for record in self.catalog.changes(name, None).put
        )


class Provider:
    """
    A process that announces itself until it ends.
    """

    def __init__(self, number, owner, node):
        self.service = SERVICES[number % 2]
        #: Some take the id of the process that they replace.
        self.reuses_id = number < 2
        self.id = f"i{number}" if self.reuses_id else f"i{number}-{owner}"
        self.owner = owner
        self.value = 0
        self.node = node
        #: What its node has taken, and when it renews that.
        self.announced = None
        self.seen = 0
        self.due = 0.0

    @property
    def record(self):
        return f"{self.id} of {self.owner} {self.value}".encode()


class World:
    """
    Three places with a server each, a bus, and providers.
    """

    def __init__(self, seed):
        self.random = Random(seed)
        self.now = 1000.0
        self.lives = 0
        self.nodes = {}
        for place in range(3):
            self.start(place)
        self.providers = {}
        #: Places that reach one another have the same number.
        self.side = [0, 0, 0]
        #: Messages on their way: when, to which node, what.
        self.flying = []
        self.loss = self.random.choice([0.0, 0.1, 0.5])
        #: How often a provider moves without a reason.
        self.moves = 0.05
        self.longest_delay_s = self.random.choice([0.01, 1.0, 10.0])

    def start(self, place):
        self.lives += 1
        self.nodes[place] = Node(f"{place}-{self.lives}", place, self.now)

    def reach(self, one, other):
        return self.side[one.place] == self.side[other.place] and not other.paused

    def step(self, seconds=1.0):
        self.now += seconds
        for node in self.awake():
            node.look(self.now)
            self.publish(node)
            for name in node.replica.take_comparisons():
                self.compare(node, name)
        self.deliver()
        for provider in tuple(self.providers.values()):
            self.renew(provider)
        self.check_renewed()

    def awake(self):
        return [node for node in self.nodes.values() if not node.paused]

    def publish(self, node):
        for message in node.replica.take_messages():
            packed = msgspec.msgpack.encode(message)
            for other in self.nodes.values():
                if other is node or self.side[other.place] != self.side[node.place]:
                    continue
                for _ in range(1 + (self.random.random() < self.loss / 5)):
                    if self.random.random() >= self.loss:
                        when = self.now + self.random.uniform(0, self.longest_delay_s)
                        self.flying.append((when, other, packed))

    def deliver(self):
        due = [each for each in self.flying if each[0] <= self.now and not each[1].paused]
        self.flying = [each for each in self.flying if each not in due]
        self.random.shuffle(due)
        for _, node, packed in due:
            node.replica.receive(msgspec.msgpack.decode(packed, type=Message))

    def compare(self, node, name):
        for peer in self.nodes.values():
            if peer.replica.node == name and self.reach(node, peer):
                numbers = peer.replica.copy.different(node.replica.copy.hashes())
                if self.random.random() < self.loss:
                    numbers = numbers[: len(numbers) // 2]
                node.replica.merge_copy(list(peer.replica.copy.entries(numbers)))

    def renew(self, provider):
        node = provider.node
        if provider.announced == provider.record and self.now < provider.due:
            return
        if node is not self.nodes[node.place] or node.paused or self.random.random() < self.moves:
            others = self.awake()
            if not others:
                return
            provider.node = node = self.random.choice(others)
            provider.announced = None
        node.renew(provider, self.now)
        provider.due = self.now + self.random.uniform(0, LEASE_S / 3)

    def check_renewed(self):
        for provider in self.providers.values():
            node = provider.node
            if provider.reuses_id or not provider.announced:
                continue
            if node is self.nodes[node.place] and not node.paused:
                entry = node.catalog.get(provider.service, provider.id)
                assert entry is not None
                assert entry.record == provider.announced

    def announce(self):
        number = self.random.randrange(8)
        old = self.providers.get(number)
        if old is not None:
            old.value += 1
        elif self.awake():
            self.lives += 1
            node = self.random.choice(self.awake())
            self.providers[number] = Provider(number, f"o{self.lives}", node)

    def withdraw(self):
        if self.providers:
            number = self.random.choice(sorted(self.providers))
            provider = self.providers.pop(number)
            if self.awake():
                self.random.choice(self.awake()).withdraw(provider)

    def kill_provider(self):
        if self.providers:
            del self.providers[self.random.choice(sorted(self.providers))]

    def restart(self):
        self.start(self.random.randrange(3))

    def pause(self):
        node = self.nodes[self.random.randrange(3)]
        node.paused = not node.paused

    def partition(self):
        self.side = [self.random.randrange(2) for _ in self.side]

    def run(self):
        actions = [self.announce] * 4 + [self.withdraw, self.kill_provider] * 2
        actions += [self.restart, self.pause, self.partition]
        for _ in range(60):
            self.random.choice(actions)()
            for _ in range(self.random.choice([0, 1, 3, 30])):
                self.step()

    def heal(self):
        self.side = [0, 0, 0]
        self.loss = self.moves = 0.0
        for node in self.nodes.values():
            node.paused = False
        for _ in range(int(LEASE_S + TIMES.lost_after_s + self.longest_delay_s + 30)):
            self.step()


@pytest.mark.parametrize("group", range(GROUPS))
def test_copies_converge_to_what_is_alive(group):
    """
    After any schedule, all copies are equal, and hold what is alive and nothing else.
    """
    for seed in (*range(group, RUNS, GROUPS), *(each for each in FOUND if each % GROUPS == group)):
        world = World(seed)
        try:
            world.run()
            world.heal()
            alive = sorted(provider.record for provider in world.providers.values())
            for node in world.nodes.values():
                assert node.records() == alive
                assert node.replica.copy.hash == world.nodes[0].replica.copy.hash
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
