"""
Rules at registry servers that a bus joins, over the real wire, in memory.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from rpcfw.cli.group_survey import survey
from rpcfw.cli.registry_status import as_text
from rpcfw.client.stub import proxy
from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.rules import BOB, EVE, SHOP, ReceivedRules, RulesContract
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, service_scope
from rpcfw_registries.rules.store import Stored
from rpcfw_registries.standalone.node.replication.peers import Peers
from tests.folders import temporary_folder
from tests.lab.test_joined_registries import ALL, INTERVAL_S, PLACES, InAGroup


class GroupOfRules(InAGroup, RulesContract):
    """
    The contract at servers of a group, of which all clients use the same one.

    It has changes that are seen at once, and one of two at the same moment: a group does not
    promise that for two servers.
    """

    address = ALL
    limit_s = 30.0

    async def started_rules(self):
        registry = self.world.registry(self.address, seed=1)
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(registry.stop())))
        return registry.rules()

    async def store_unreadable(self, scope):
        for node in self.nodes.values():
            node.group.rules.records._put(scope, Stored(b"{", b"", "x"))  # noqa: SLF001


class TestOneOfThree(GroupOfRules, TestCase):
    """
    All use one server. It has no folder, and gets the rules back from the others.
    """

    address = PLACES[1]

    async def leave(self):
        self.stop_node(PLACES[1])

    async def come_back(self):
        self.run_node(PLACES[1])


class TestAnyOfThree(GroupOfRules, TestCase):
    """
    All know three servers, which keep the rules in folders, and which all go away together.
    """

    def texts(self, address):
        self.folders = getattr(self, "folders", {})
        folder = self.folders.setdefault(address, None) or temporary_folder(self)
        self.folders[address] = folder
        return {"rules_folder": str(folder)}

    async def leave(self):
        self.stop_all()

    async def come_back(self):
        for address in PLACES:
            self.run_node(address)


class TestThreeInMemory(GroupOfRules, TestCase):
    """
    Without folders, a restart of all servers loses the rules; who watches keeps the last ones.
    """

    async def lose_everything(self):
        self.stop_all()
        for address in PLACES:
            self.run_node(address)


class Three(InAGroup):
    """
    One user of each server.
    """

    def setUp(self):
        super().setUp()
        self.users = [self.user(place) for place in PLACES]

    def user(self, address, seed=None):
        registry = self.world.registry(address, seed=seed)
        self.addCleanup(lambda: (spawn(registry.stop()), self.advance(1)))
        return registry.rules()

    def done(self, request, seconds=0.1):
        running = spawn(request)
        self.advance(seconds)
        return self.successResultOf(running)

    def put(self, index, body, version=0, author=BOB, kind="policies", scope=SHOP):
        return self.done(self.users[index].put(scope, kind, body, version, author))

    def read(self, index, scope=SHOP):
        return self.done(self.users[index].read(scope))

    def bodies(self, index, scope=SHOP):
        return {kind: one.body for kind, one in self.read(index, scope).documents.items()}

    def told(self, index):
        told = ReceivedRules()
        self.addCleanup(self.users[index].watch(SHOP, told).close)
        self.advance(0.1)
        return told

    def records(self, index):
        return self.node(index).group.rules.records

    def assert_equal_rules(self):
        assert 1 == len({self.records(index).marks.hash for index in range(len(PLACES))})

    def cut(self):
        self.hub.set_reachable(False)
        self.world.unreachable = {*PLACES}
        self.advance(0.1)

    def heal(self):
        self.hub.set_reachable(True)
        self.world.unreachable = set()
        self.advance(1)

    def survey(self):
        def ask(address):
            return proxy(Peers, self.world.channel(address)).status(timeout=1)

        surveying = spawn(survey(ask, [PLACES[0]], self.clock))
        self.advance(3)
        return self.successResultOf(surveying)


class TestThree(Three, SynchronousTestCase):
    def test_a_change_is_at_the_others_at_once(self):
        """
        What is put, changed or removed at one server is told to who watches at another.
        """
        told = self.told(1)
        first = self.put(0, "one")
        assert {"policies": "one"} == told.last
        second = self.put(2, "two", first.version, EVE)
        assert {"policies": "two"} == told.last
        self.done(self.users[1].remove(SHOP, "policies", second.version, BOB))
        assert {} == told.last
        assert [0, 1, 2, 3] == told.versions
        histories = [self.done(user.history(SHOP)) for user in self.users]
        assert histories[0] == histories[1] == histories[2]
        assert [3, 2, 1] == [change.version for change in histories[0]]
        self.assert_equal_rules()

    def test_who_has_read_an_older_version_is_refused(self):
        """
        A change that is based on what another server has replaced meanwhile is a conflict.
        """
        self.put(0, "one")
        self.put(1, "two", 1, EVE)
        running = spawn(self.users[2].put(SHOP, "policies", "three", 1, BOB))
        self.advance(0.1)
        assert "put by eve@there" in str(self.failureResultOf(running).value)

    def test_rules_travel_without_the_bus(self):
        """
        While the bus is away, a change at one server is at the others some seconds later.
        """
        self.hub.set_reachable(False)
        self.put(0, "one")
        self.advance(2)
        assert {"policies": "one"} == self.bodies(1)
        self.assert_equal_rules()

    def test_the_largest_documents_travel(self):
        """
        Records that no bus would carry are fetched from the server that has them.
        """
        largest = "x" * MAX_DOCUMENT_BYTES
        self.put(0, largest)
        self.put(0, largest, kind="instances")
        assert {"policies": largest, "instances": largest} == self.bodies(2)

    def test_a_conflict_is_decided_and_shown(self):
        """
        Of two changes of one version, one holds everywhere, with a version of its own.

        The history of each server has both, and an entry that says which one is not in use.
        """
        self.put(0, "one")
        told = [self.told(index) for index in range(3)]
        self.cut()
        versions = {self.put(0, "here", 1, BOB).version, self.put(1, "there", 1, EVE).version}
        assert {2} == versions
        self.heal()
        (holds,) = {self.bodies(index)["policies"] for index in range(3)}
        (lost,) = {"here", "there"} - {holds}
        loser = {"here": BOB, "there": EVE}[lost].who
        self.assert_equal_rules()
        for index, user in enumerate(self.users):
            decided, *others = self.done(user.history(SHOP))
            assert (3, lost, holds) == (decided.version, decided.before, decided.after)
            assert f"conflict: {loser}" in decided.reason
            assert decided.reason == self.read(index).documents["policies"].reason
            assert {"here", "there", "one"} == {change.after for change in others}
            assert {"policies": holds} == told[index].last
            assert 3 == told[index].versions[-1]
        counted = [self.node(index).group.rules.conflicts for index in range(3)]
        assert max(counted) == 1

    def test_who_has_read_the_change_that_lost_is_refused(self):
        """
        A change that is based on the document that does not hold is a conflict, at any server.
        """
        self.cut()
        self.put(0, "here")
        self.put(1, "there")
        self.heal()
        for index in range(3):
            running = spawn(self.users[index].put(SHOP, "policies", "mine", 1, BOB))
            self.advance(0.1)
            assert "has version 2 now" in str(self.failureResultOf(running).value)

    def test_changes_of_two_kinds_are_no_conflict(self):
        """
        Two documents that were put on two sides of a cut are both there afterwards.
        """
        self.cut()
        self.put(0, "here")
        self.put(1, "there", kind="instances")
        self.heal()
        assert {"policies": "here", "instances": "there"} == self.bodies(2)
        assert [1, 1] == [each.version for each in self.done(self.users[2].history(SHOP))]
        self.assert_equal_rules()

    def test_a_removal_is_not_undone(self):
        """
        A server that was cut off does not bring back what was removed meanwhile.
        """
        self.put(0, "one")
        self.cut()
        self.done(self.users[0].remove(SHOP, "policies", 1, BOB))
        self.heal()
        assert [{}, {}, {}] == [self.bodies(index) for index in range(3)]
        self.assert_equal_rules()

    def test_a_consumer_that_moves_keeps_the_newer(self):
        """
        A server that lags behind takes no rule back.
        """
        self.put(0, "one")
        # With this seed it begins with the first of the two.
        told, roaming = ReceivedRules(), self.user(f"{PLACES[0]}, {PLACES[1]}", seed=1)
        self.addCleanup(roaming.watch(SHOP, told).close)
        self.advance(0.1)
        self.cut()
        self.put(0, "two", 1)
        assert {"policies": "two"} == told.last
        self.stop_node(PLACES[0])
        self.advance(5)
        assert {"policies": "one"} == self.bodies(1)
        assert ["one", "two"] == [one.documents["policies"].body for one in told.sets]

    def test_a_server_that_starts_tells_nothing_wrong(self):
        """
        It does not say that there are no rules before it has asked the others, and takes no change.

        Alone it waits for two intervals.
        """
        self.stop_all()
        self.run_node(PLACES[0])
        told = self.told(0)
        assert None is told.last
        running = spawn(self.users[0].put(SHOP, "policies", "one", 0, BOB))
        self.advance(0.1)
        error = self.failureResultOf(running).value
        assert isinstance(error, RegistryError)
        assert "has just started" in str(error)
        self.advance(3 * INTERVAL_S)
        assert {} == told.last
        self.put(0, "one")
        self.run_node(PLACES[1])
        self.advance(0.2)
        assert {"policies": "one"} == self.bodies(1)

    def test_status_tells_whether_rules_are_equal(self):
        """
        `rpcfw registry status` calls the rules different while a server lacks some.
        """
        assert "copies: equal, rules: equal" in as_text(self.survey())
        self.cut()
        self.put(0, "one")
        found = self.survey()
        assert not found.fine
        assert "copies: equal, rules: different" in as_text(found)


class TestThreeBesideAsyncio(TestThree):
    reactor = "asyncio"


class TestFull(Three, SynchronousTestCase):
    """
    Servers that have as many scopes as they may.
    """

    def texts(self, address):
        return {"max_rule_scopes": "2"}

    def compared(self):
        return [node.group._metrics.compared.value for node in self.nodes.values()]  # noqa: SLF001

    def test_all_forget_the_same(self):
        """
        When a removed document leaves its space to another, the rules become equal again.

        Nothing is called refused.
        """
        scopes = [service_scope(name) for name in "abc"]
        for scope in scopes[:2]:
            self.put(0, "one", scope=scope)
        self.done(self.users[1].remove(scopes[1], "policies", 1, BOB))
        self.advance(1)
        self.put(2, "one", scope=scopes[2])
        self.advance(10)
        self.assert_equal_rules()
        for index in range(3):
            assert ({}, {"policies": "one"}) == (
                self.bodies(index, scopes[1]),
                self.bodies(index, scopes[2]),
            )
            assert 2 == len(self.records(index).marks)
            assert 0 == self.node(index).group.rules.refused

    def test_a_server_that_starts_is_called_equal(self):
        """
        What a server says of its rules is without those that it has forgotten.

        One that has copied them later says the same, so nobody compares without end.
        """
        a, b, c = (service_scope(name) for name in "abc")
        for scope in a, b:
            self.put(0, "one", scope=scope)
        self.done(self.users[0].remove(b, "policies", 1, BOB))
        self.put(0, "one", scope=c)
        self.advance(2)
        self.stop_node(PLACES[1])
        self.run_node(PLACES[1])
        self.advance(2)
        assert 1 == len({self.node(index).replica.rules_hash for index in range(3)})
        compared = self.compared()
        self.advance(10 * INTERVAL_S)
        assert compared == self.compared()


class TestLimits(Three, SynchronousTestCase):
    """
    A server with smaller limits than the others.
    """

    def texts(self, address):
        return {"max_rule_scopes": "1"} if address == PLACES[2] else {}

    def test_rules_that_do_not_fit_are_not_taken(self):
        """
        They are counted and logged, and the status goes on to call the rules different.
        """
        for name in "a", "b":
            self.put(0, "one", scope=service_scope(name))
        self.advance(1)
        assert 1 == len(self.records(2).marks)
        assert self.node(2).group.rules.refused > 0
        assert not self.survey().equal_rules
