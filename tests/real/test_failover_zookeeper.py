"""
Whole systems of processes around ZooKeeper, whose servers and sessions fail under load.

The calls are of a method that must not be repeated, for every provider lives on: not
one of them has an excuse.
"""

from __future__ import annotations

import time

import pytest
from kazoo.client import KazooClient

from tests.real.failover.together import outcomes
from tests.real.providers import Load, Processes, Provider, until
from tests.real.zookeeper_server import ZooKeeperEnsemble, ZooKeeperServer
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

PLACE = "/rpcfw/failover.Work"

#: With these nothing takes long.
FAST = (
    "registry.session_timeout=4s",
    "registry.operation_timeout=3s",
    "registry.connect_timeout=1s",
    "registry.reconnect_most=1s",
    "registry.self_check=2s",
)

QUORUM_LOST_S = 10.0


@pytest.fixture(scope="module", name="together")
def _together(request):
    """
    The outcomes of this module's scenarios.
    """
    require_zookeeper()
    yield from outcomes(request, 2)


@pytest.fixture
def outcome(request, together):
    """
    What came of the test's own scenario.
    """
    return together(request.node.name)


def killed_provider():
    """
    One of three is killed.
    """
    server = ZooKeeperServer()
    try:
        server.serve()
        registry = ("registry.plugin=zookeeper", f"registry.address={server.address}")
        with Processes(*registry) as processes:
            victim, *others = processes.providers(3)
            load = processes.load("read", 2000)
            until(lambda: load.called(victim, *others), "all are called")
            load.go_on(1000)
            killed_at = victim.kill()
            load.go_on(4000)
            until(lambda: load.called(*others), "the others are called")
            report = load.end()
            return {"noticed_after_s": report["last_repeat_at"] - killed_at, "report": report}
    finally:
        server.remove()


def test_killed_provider(outcome):
    """
    No call of an idempotent method fails when a provider is killed.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["report"]["repeats"] > 0  # else nothing was under way


def servers_and_sessions():
    """
    One thing after the other happens to an ensemble of three.
    """
    ensemble = ZooKeeperEnsemble()
    try:
        ensemble.serve()
        registry = ("registry.plugin=zookeeper", f"registry.address={ensemble.address}", *FAST)
        with Processes(*registry) as processes:
            return Trials(ensemble, processes).run()
    finally:
        ensemble.remove()


def test_servers_and_sessions(outcome):
    """
    Nothing that happens to ZooKeeper fails a call, and what is started then is found.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["stopped_without_quorum_s"] < 8, outcome


class Trials:
    """
    Each begins and ends with three providers and servers, all announced and called.
    """

    def __init__(self, ensemble: ZooKeeperEnsemble, processes: Processes) -> None:
        self.ensemble = ensemble
        self.processes = processes
        self.providers = processes.providers(3)
        self.load: Load = processes.load("write", 200)
        self.facts: dict[str, object] = {}

    def run(self):
        """
        Go through all of them and return what was seen.
        """
        for trial in (
            self.expired_session,
            self.deleted_node,
            self.killed_server,
            self.killed_leader,
            self.frozen_server,
            self.lost_quorum,
            self.restarted_ensemble,
        ):
            began_at = time.monotonic()
            trial()
            self.whole(trial.__name__)
            self.facts[f"{trial.__name__}_took_s"] = time.monotonic() - began_at
        return {**self.facts, "report": self.load.end()}

    def whole(self, after: str) -> None:
        """
        Wait until all is well again: a newcomer is found, and leaves without a trace.
        """
        newcomer = self.processes.provider()
        self.facts[f"{after}_new_seen_after_s"] = self.load.seen_after_s(newcomer)
        newcomer.stop()
        until(lambda: 3 == len(self.announced()), "three are announced")
        until(lambda: self.load.called(*self.providers), "all are called")

    def expired_session(self) -> None:
        """
        Somebody with the same session id and password says goodbye.
        """
        victim = self.providers[0]
        client_id = self.session(victim)
        before = self.announced()
        intruder = KazooClient(self.ensemble.address, client_id=client_id)
        intruder.start()
        intruder.stop()
        intruder.close()
        until(lambda: client_id != self.session(victim), "it has a new session")
        self.facts["expired_session_back_after_s"] = self.until_back(before)

    def deleted_node(self) -> None:
        """
        Somebody deletes what a provider announced.
        """
        before = self.announced()
        client = KazooClient(self.ensemble.address)
        client.start()
        client.delete(f"{PLACE}/{min(before)}")
        client.stop()
        client.close()
        self.facts["deleted_node_back_after_s"] = self.until_back(before)

    def killed_server(self) -> None:
        """
        A provider's server dies.
        """
        server = self.server_of(self.providers[0])
        server.kill()
        self.whole("killed_server_meanwhile")
        self.ensemble.serve(server)

    def killed_leader(self) -> None:
        """
        The leader dies, and the two that are left find another.
        """
        leader = self.ensemble.leader()
        leader.kill()
        self.whole("killed_leader_meanwhile")
        self.ensemble.serve(leader)

    def frozen_server(self) -> None:
        """
        A provider's server says nothing any more; its connections stay open.
        """
        server = self.server_of(self.providers[0])
        server.freeze()
        self.whole("frozen_server_meanwhile")
        server.thaw()
        server.wait_ready()

    def lost_quorum(self) -> None:
        """
        Two of three die; who stops meanwhile is not kept from it.
        """
        leaver = self.processes.provider()
        self.load.seen_after_s(leaver)
        first, second, _ = self.ensemble.servers
        lost_at = time.monotonic()
        first.kill()
        second.kill()
        self.facts["stopped_without_quorum_s"] = leaver.stop()
        until(lambda: time.monotonic() - lost_at > QUORUM_LOST_S, "it was long enough")
        self.load.go_on(100)
        until(lambda: self.load.called(*self.providers), "all are called")
        self.ensemble.serve(first, second)

    def restarted_ensemble(self) -> None:
        """
        All servers die at once.
        """
        for server in self.ensemble.servers:
            server.kill()
        self.ensemble.serve()

    def announced(self) -> set[str]:
        """
        Return the names of the instances that ZooKeeper has.
        """
        client = KazooClient(self.ensemble.address)
        client.start()
        try:
            return set(client.get_children(PLACE))
        finally:
            client.stop()
            client.close()

    def until_back(self, before: set[str]) -> float:
        """
        Return the seconds until the instances are there again.
        """
        began_at = time.monotonic()
        until(lambda: before == self.announced(), "all are back")
        return time.monotonic() - began_at

    def session(self, provider: Provider) -> tuple[int, bytes]:
        """
        Return the id and the password of a provider's session.
        """
        facts = provider.ask("session")
        return facts["session"], bytes.fromhex(facts["password"])

    def server_of(self, provider: Provider) -> ZooKeeperServer:
        """
        Return the server that holds a provider's session.
        """
        session, _ = self.session(provider)
        mark = f"sid=0x{session:x}"
        return next(each for each in self.ensemble.servers if mark in each.ask("cons"))
