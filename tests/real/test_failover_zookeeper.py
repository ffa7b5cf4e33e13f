"""
Whole systems of processes around ZooKeeper, whose servers and sessions fail under load.

The calls are of a method that must not be repeated, for every provider lives on: not
one of them has an excuse.
"""

from __future__ import annotations

from typing import Any

import pytest
from kazoo.client import KazooClient

from tests.real.failover.together import outcomes
from tests.real.failover.trials import Trials
from tests.real.providers import Process, Processes, until
from tests.real.zookeeper_server import ZooKeeperEnsemble, ZooKeeperServer
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper

PLACE = "/rpcfw/failover.Work"

#: With these nothing takes long.
FAST = (
    "registry.session_timeout=4s",
    "registry.operation_timeout=3s",
    "registry.connect_timeout=1s",
    "registry.max_reconnect_delay=1s",
    "registry.self_check_interval=2s",
)


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
            return ZooKeeperTrials(ensemble, processes, 3, 200).all()
    finally:
        ensemble.remove()


def test_servers_and_sessions(outcome):
    """
    Nothing that happens to ZooKeeper fails a call, and what is started then is found.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["stopped_without_quorum_s"] < 8, outcome


class ZooKeeperTrials(Trials[ZooKeeperServer]):
    """
    With what only ZooKeeper has: sessions, nodes, a leader.
    """

    ensemble: ZooKeeperEnsemble

    def all(self) -> dict[str, Any]:
        """
        Go through all of them.
        """
        return self.run(
            self.expired_session,
            self.deleted_node,
            self.killed_server,
            self.killed_leader,
            self.frozen_server,
            self.lost_quorum,
            self.restarted_ensemble,
        )

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

    def killed_leader(self) -> None:
        """
        The leader dies, and the two that are left find another.
        """
        leader = self.ensemble.leader()
        leader.kill()
        self.whole("killed_leader_meanwhile")
        self.ensemble.serve(leader)

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

    def session(self, process: Process) -> tuple[int, bytes]:
        """
        Return the id and the password of a process's session.
        """
        facts = process.ask("registry")
        return facts["session"], bytes.fromhex(facts["password"])

    def server_of(self, process: Process) -> ZooKeeperServer:
        """
        Return the server that holds a process's session.
        """
        session, _ = self.session(process)
        mark = f"sid=0x{session:x}"
        return next(each for each in self.ensemble.servers if mark in each.ask("cons"))
