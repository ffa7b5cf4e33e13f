"""
The rules of a registry server, and who is told of their changes.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred, ensureDeferred, execute
from twisted.internet.task import Clock

from rpcfw.errors import Overloaded
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.testing.plugin_context import InlineThreads, plugin_context
from rpcfw.values.rule import service_scope
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.node.replication.rule_exchange import RulePeers
from rpcfw_registries.standalone.updates import WantedRules
from tests.plugins.registries.standalone.node.replication.test_replica import NodeOfGroup
from tests.plugins.registries.standalone.node.test_catalog import lines_run
from tests.plugins.registries.standalone.watching import Consumer


def test_rules_are_sent_once_it_is_known_that_there_are_none():
    """
    Who waits for rules that perhaps another server has learns it when this one has joined.

    No rules are sent when a server loses its bus, or finds it again: none have changed.
    """
    node = NodeOfGroup("one")
    ensureDeferred(node.service.started())
    consumer = Consumer(node.service, node.clock)
    wanted = [WantedRules("service", f"demo.S{number}") for number in range(250)]
    consumer.request(add_rules=wanted)
    assert [] == consumer.read()
    node.clock.pump([1] * 20)
    assert not node.service.replica.joining
    assert {one.name for one in wanted} == {update.name for update in consumer.read()}
    node.bus.hub.set_reachable(False)
    node.bus.hub.set_reachable(True)
    node.clock.pump([1] * 20)
    assert [] == consumer.read()


def test_a_change_of_rules_costs_nothing_for_other_watches():
    """
    However many watch other scopes: a group with thousands of rules may be copied at once.
    """

    def cost(watches):
        node = NodeOfGroup("one")
        records = node.service.group.rules.records
        consumer = Consumer(node.service, node.clock)
        for start in range(0, watches, 100):
            scopes = range(start, min(watches, start + 100))
            consumer.request(add_rules=[WantedRules("service", f"demo.S{n}") for n in scopes])
        consumer.read()
        assert watches == node.service.watches
        scope = service_scope("demo.A")
        return lines_run(lambda: ensureDeferred(records.write(scope, b"{}", b"", "")))

    assert cost(1) == cost(1000)


class SlowThreads(InlineThreads):
    """
    Each call takes a second.
    """

    def __init__(self, clock):
        self._clock = clock

    def call(self, function, *args):
        done = Deferred()
        self._clock.callLater(1, lambda: execute(function, *args).chainDeferred(done))
        return done


def test_changes_at_the_same_moment_stay_within_the_limit(tmp_path):
    """
    A change that waits for the disk counts already when the next one is looked at.
    """
    clock = Clock()
    records = NodeRecords(tmp_path, 2, 1 << 20, plugin_context(clock, threads=SlowThreads(clock)))
    results = []
    for name in "abcd":
        spawn(records.write(service_scope(name), b"{}", b"", "")).addBoth(results.append)
    clock.pump([1] * 10)
    refused = [each for each in results if each is not True]
    assert (4, 2) == (len(results), len(refused))
    assert all(each.check(Overloaded) for each in refused)
    assert 2 == len(records.marks) == len(list(tmp_path.glob("*.json")))


@pytest.mark.parametrize("kind", ["./service", "notes", "service\n"])
def test_there_are_rules_of_services_and_applications_alone(tmp_path, kind):
    """
    The others of the group would understand no comparison that has a scope of another kind.

    Neither a file that somebody has put into the folder makes one, nor what another server asks.
    """
    clock = Clock()
    guard = NodeOfGroup("one").service.guard
    records = NodeRecords(tmp_path, 9, 1 << 20, plugin_context(clock, threads=InlineThreads()))
    (tmp_path / "service~demo.A.json").write_bytes(b"{}")
    (tmp_path / f"{kind}~demo.A.json").write_bytes(b"{}")
    spawn(records.load())
    failed = []
    spawn(RulePeers(records, guard).read(kind, "demo.A")).addErrback(failed.append)
    assert [Status.INVALID_ARGUMENT] == [each.value.status for each in failed]
    assert [service_scope("demo.A")] == [scope for scope, _ in records.marks.different([1] * 256)]
