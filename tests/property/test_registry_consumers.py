"""
Consumers of joined registry servers, in random schedules over the real wire on a made-up clock.

Providers announce, change and withdraw; people put and remove rules; consumers watch, and watch no
more; servers stop and start; the bus and the ways between servers fail; access is refused for some
time. Invariants, once all faults are over and the waiting times have passed:

1. Each list that a consumer watches is what is alive.
2. The rules that a consumer was sent are those that are stored, the same at all servers.
3. Servers keep as many watches as consumers have.

``CONSUMER_RUNS=500`` runs more schedules. A failure names the seed of its schedule.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.errors import PermissionDenied
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.testing.contracts.rules import BOB, ReceivedRules
from rpcfw.testing.lab_loop import LoopInPlace
from rpcfw.values.address import Address
from rpcfw.values.rule import application_scope, service_scope
from rpcfw_registries.standalone.node.guard import Action
from tests.lab.registry_world import World

RUNS = int(os.environ.get("CONSUMER_RUNS", "6"))
PLACES = tuple(Address("memory", name) for name in ("one", "two", "three"))
ALL = ", ".join(map(str, PLACES))
SERVICES = ("demo.A", "demo.B", "demo.C")
SCOPES = (service_scope("demo.A"), application_scope("shop"))
#: What was refused is announced again after a minute.
QUIET_S = 80.0


class Consumer:
    """
    A process that watches.
    """

    def __init__(self, registry):
        self.registry = registry
        self.watched = {}

    def watch(self, topic):
        if topic in self.watched:
            self.watched.pop(topic)[1].close()
        elif isinstance(topic, str):
            told = ReceivedUpdates()
            self.watched[topic] = told, self.registry.watch(topic, told)
        else:
            rules = ReceivedRules()
            self.watched[topic] = rules, self.registry.rules().watch(topic, rules)

    async def change_rules(self, scope, body):
        rules = self.registry.rules()
        now = (await rules.read(scope)).documents.get("policies")
        if body:
            await rules.put(scope, "policies", body, now.version if now else 0, BOB)
        elif now:
            await rules.remove(scope, "policies", now.version, BOB)


class Fleet:
    """
    Three servers, providers and consumers.
    """

    def __init__(self, seed, folder):
        self.folder = folder
        self.random = Random(seed)
        self.clock = Clock()
        self.world = World(self.clock)
        self.group = f"consumers-{seed}"
        self.nodes, self.servers = {}, {}
        for place in PLACES:
            self.run_server(place)
        self.hub = self.nodes[PLACES[0]].group.bus.hub
        self.pass_time(2)
        self.consumers = [Consumer(self.registry()) for _ in range(3)]
        self.providers = [(self.registry(), {}) for _ in range(3)]

    def registry(self):
        return self.world.registry(ALL, lease="3s", seed=self.random.randrange(1 << 30))

    def run_server(self, place):
        texts = {"digest_interval": "0.5s", "lost_after": "8s", "access_default": "allow"}
        # Without it, a server that restarts while it is cut off loses rules.
        texts["rules_folder"] = str(self.folder / str(PLACES.index(place)))
        self.nodes[place], self.servers[place] = self.world.joined(place, self.group, **texts)
        spawn(self.servers[place].start())
        self.pass_time(0.1)

    def pass_time(self, seconds):
        self.clock.pump([0.1] * round(seconds * 10))

    def announce(self):
        number = self.random.randrange(len(self.providers))
        registry, announced = self.providers[number]
        service = self.random.choice(SERVICES)
        for count in range(self.random.choice([1, 1, 15])):
            id = f"{number}-{count}"
            weight = self.random.randrange(100)
            announced[service, id] = one = an_instance(service=service, id=id, weight=weight)
            spawn(registry.announce(one)).addErrback(lambda _: None)

    def withdraw(self):
        registry, announced = self.random.choice(self.providers)
        for key in list(announced)[: self.random.choice([1, 20])]:
            spawn(registry.withdraw(announced.pop(key)))

    def watch(self):
        self.random.choice(self.consumers).watch(self.random.choice(SERVICES + SCOPES))

    def change_rules(self):
        consumer, scope = self.random.choice(self.consumers), self.random.choice(SCOPES)
        body = self.random.choice(["", "one", "two"])
        # A server that has just started takes no changes, and one of two at once is refused.
        spawn(consumer.change_rules(scope, body)).addErrback(lambda _: None)

    def restart(self):
        place = self.random.choice(PLACES)
        spawn(self.servers[place].stop())
        self.pass_time(self.random.choice([6, 10]))
        self.run_server(place)

    def cut_bus(self):
        self.hub.set_reachable(not self.hub.reachable)

    def cut_servers(self):
        self.world.unreachable = {place for place in PLACES if self.random.random() < 0.4}

    def refuse(self):
        guard = self.nodes[self.random.choice(PLACES)].guard
        refused = self.random.choice([Action.ANNOUNCE, Action.WATCH])

        def check(caller, action, scope):
            if action is refused:
                raise PermissionDenied("not you")

        guard.check = check

    def permit(self):
        for node in self.nodes.values():
            node.guard.__dict__.pop("check", None)

    def run(self):
        actions = [self.announce, self.watch] * 4 + [self.withdraw, self.change_rules] * 2
        actions += [self.restart, self.cut_bus, self.cut_servers, self.refuse, self.permit]
        for _ in range(40):
            self.random.choice(actions)()
            self.pass_time(self.random.choice([0, 0, 0.1, 1, 3]))
        self.permit()
        self.hub.set_reachable(True)
        self.world.unreachable = set()
        self.pass_time(QUIET_S)

    def check(self):
        alive = [one for _, announced in self.providers for one in announced.values()]
        for consumer in self.consumers:
            for topic, (received, _) in consumer.watched.items():
                if isinstance(topic, str):
                    expected = [one for one in alive if one.service == topic]
                    assert sorted(received.last, key=_by_id) == sorted(expected, key=_by_id)
                else:
                    assert {self.stored(node, topic) for node in self.nodes.values()} == {
                        (received.last or {}).get("policies", "")
                    }
        open_watches = sum(len(consumer.watched) for consumer in self.consumers)
        assert sum(node.watches for node in self.nodes.values()) == open_watches

    def stored(self, node, scope):
        """
        Return the document of a scope as a consumer of this server alone reads it.
        """
        place = next(place for place, each in self.nodes.items() if each is node)
        registry = self.world.registry(place)
        reading = spawn(registry.rules().read(scope))
        self.pass_time(1)
        document = reading.result.documents.get("policies")
        spawn(registry.stop())
        return document.body if document else ""

    def stop(self):
        for consumer in self.consumers:
            spawn(consumer.registry.stop())
        for registry, _ in self.providers:
            spawn(registry.stop())
        for server in self.servers.values():
            spawn(server.stop())
        self.pass_time(7)


def _by_id(instance):
    return instance.id


@pytest.mark.parametrize("seed", range(RUNS))
def test_consumers_know_what_is_there(seed, tmp_path):
    """
    After any schedule, consumers have the lists and the rules that are true.
    """
    place = LoopInPlace(None)
    place.enter()
    for number in range(len(PLACES)):
        (tmp_path / str(number)).mkdir()
    fleet = Fleet(seed, tmp_path)
    try:
        fleet.run()
        fleet.check()
    finally:
        fleet.stop()
        place.leave()
