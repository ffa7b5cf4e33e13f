"""
Rules at registry servers of a group, in random schedules of changes and cuts.

People put and remove documents at any server, by the real compare-and-set. Servers take what
others have in any order, and are cut off, stopped, and started again with or without what they
had. Invariants:

1. At all times: a consumer, at whichever server it is, never follows a document that had been
   replaced, with knowledge of it, by one that it has followed. (If servers began with nothing on
   two sides of a cut, a consumer cannot tell that from a server which has lost its data.)
2. At all times: a change that names the version of another document than the one that is there
   is refused, at a server that has seen what its author had read.
3. Once each server has taken what the others have: all records are equal, with their history.
4. Then the history has every change that a server which still is there has answered.

``RULE_RUNS=20000`` runs more schedules. A failure names the seed of its schedule.
"""

from __future__ import annotations

import os
from random import Random

import pytest
from twisted.internet.task import Clock

from rpcfw.spi.rules import RuleConflict
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.rule import Author, service_scope
from rpcfw_registries.rules.records import MAX_CHANGES
from rpcfw_registries.rules.stored import StoredRules
from rpcfw_registries.standalone.node.records import NodeRecords

RUNS = int(os.environ.get("RULE_RUNS", "200"))
GROUPS = 10
SCOPE = service_scope("demo.Shop")
KINDS = ("policies", "instances")


def result_of(request):
    """
    Return what a request returns, which needs no time.
    """
    done = []
    spawn(request).addBoth(done.append)
    (found,) = done
    if hasattr(found, "raiseException"):
        found.raiseException()
    return found


class Node:
    def __init__(self, world):
        context = plugin_context(world.clock, world.random)
        self.records = NodeRecords(None, 10, 1 << 30, context)
        self.rules = StoredRules(self.records, context)
        #: The changes that it knows of, as the world counts them.
        self.known = set()

    def stored(self):
        return result_of(self.records.read(SCOPE))

    def take(self, other):
        if other.stored().documents is not None:
            result_of(self.records.merge(SCOPE, other.stored()))
            self.known |= other.known


class Store:
    """
    Hands a listener to a consumer.
    """

    trouble = ""

    def __init__(self):
        self.tell = None

    def watch(self, scope, listener, on_refused):
        self.tell = listener


class Follower:
    """
    One consumer.
    """

    def __init__(self, world):
        self.world = world
        self.followed = set()
        #: A watch goes on if its listener raises.
        self.problems = []

    def fail(self, reason):
        self.problems.append(reason)

    def follow(self, rules):
        world = self.world
        for kind, document in rules.documents.items():
            change = world.changes[document.body]
            self.problems += [
                f"{change} was followed after {each}"
                for each in self.followed
                if world.kinds[each] == kind and change in world.past[each]
            ]
            self.followed.add(change)


class World:
    def __init__(self, seed):
        self.random = Random(seed)
        self.clock = Clock()
        self.nodes = [Node(self) for _ in range(3)]
        #: Of each document that was put, its change; of each change, those that it was based on.
        self.changes, self.past, self.kinds = {}, {}, {}
        self.followers = []
        self.consumers = [self.consumer() for _ in range(2)]

    def consumer(self):
        store, follower = Store(), Follower(self)
        StoredRules(store, plugin_context(self.clock, self.random)).watch(
            SCOPE, follower.follow, follower.fail
        )
        self.followers.append(follower)
        return store

    def put(self):
        node, kind = self.random.choice(self.nodes), self.random.choice(KINDS)
        number = len(self.past)
        body = f"{kind} {number}"
        found = result_of(node.rules.read(SCOPE)).documents.get(kind)
        if found is not None and self.random.random() < 0.2:
            removal = node.rules.remove(SCOPE, kind, found.version, Author(f"author {number}"))
            result_of(removal)
        else:
            version = found.version if found else 0
            result_of(node.rules.put(SCOPE, kind, body, version, Author(f"author {number}")))
            self.changes[body] = number
        self.past[number], self.kinds[number] = set(node.known), kind
        node.known.add(number)

    def put_late(self):
        """
        Somebody reads at a server, and changes that after the server has taken other changes.
        """
        node, kind = self.random.choice(self.nodes), self.random.choice(KINDS)
        read = result_of(node.rules.read(SCOPE)).documents.get(kind)
        self.exchange()
        now = result_of(node.rules.read(SCOPE)).documents.get(kind)
        if read is not None and (now is None or now.body != read.body):
            with pytest.raises(RuleConflict):
                result_of(node.rules.put(SCOPE, kind, "late", read.version, Author("late")))

    def exchange(self):
        one, other = self.random.sample(self.nodes, 2)
        one.take(other)

    def crash(self):
        """
        A server without a folder starts again, and has taken a copy before it takes a change.
        """
        index = self.random.randrange(3)
        self.nodes[index] = Node(self)
        self.nodes[index].take(self.nodes[index - 1])

    def look(self):
        for store in self.consumers:
            store.tell(self.random.choice(self.nodes).stored().documents)
        assert not self.related or [[], []] == [follower.problems for follower in self.followers]

    def begin(self):
        """
        Mostly, let all servers have a first change in common.
        """
        self.related = self.random.random() < 0.8
        if self.related:
            self.put()
            self.spread()

    def run(self):
        self.begin()
        actions = [self.put] * 2 + [self.put_late, self.look] + [self.exchange] * 2
        for step in range(self.random.choice([8, 15, 25])):
            action = self.random.choice([*actions, self.crash] if step % 5 == 4 else actions)
            action()
            self.look()

    def heal(self):
        for _ in range(6):
            self.spread()
            self.look()

    def spread(self):
        for one in self.nodes:
            for other in self.nodes:
                if one is not other:
                    one.take(other)


@pytest.mark.parametrize("group", range(GROUPS))
def test_rules_converge_and_no_change_is_lost(group):
    """
    After any schedule all servers have the same rules, and the history has every change.
    """
    for seed in range(group, RUNS, GROUPS):
        world = World(seed)
        try:
            world.run()
            world.heal()
            assert 1 == len({node.stored() for node in world.nodes})
            assert 1 == len({node.records.marks.hash for node in world.nodes})
            history = result_of(world.nodes[0].rules.history(SCOPE))
            if len(history) < MAX_CHANGES:
                authors = {int(change.who.split()[1]) for change in history}
                assert world.nodes[0].known == authors
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
