"""
Whole systems of processes around etcd, whose members and leases fail under load.

The calls are of a method that must not be repeated, for every provider lives on: not
one of them has an excuse.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.real.etcd_server import Cluster, EtcdMember, etcdctl
from tests.real.failover.together import outcomes
from tests.real.failover.trials import Trials
from tests.real.providers import Process, Processes, until
from tests.requirements import require_etcd

pytestmark = pytest.mark.etcd

PLACE = "/rpcfw/failover.Work/"

#: With these nothing takes long.
FAST = (
    "registry.lease=2s",
    "registry.operation_timeout=1s",
    "registry.heartbeat_interval=500ms",
    "registry.max_reconnect_delay=500ms",
    "registry.self_check_interval=1s",
)


@pytest.fixture(scope="module", name="together")
def _together(request):
    """
    The outcomes of this module's scenarios.
    """
    require_etcd()
    yield from outcomes(request, 2)


@pytest.fixture
def outcome(request, together):
    """
    What came of the test's own scenario.
    """
    return together(request.node.name)


def around_a_cluster(*trials: str) -> dict[str, Any]:
    """
    Have these happen to a cluster of three, one after the other.
    """
    cluster = Cluster()
    try:
        cluster.serve()
        registry = ("registry.plugin=etcd", f"registry.address={cluster.address}", *FAST)
        with Processes(*registry) as processes:
            made = EtcdTrials(cluster, processes, 2, 300)
            return made.run(*(getattr(made, trial) for trial in trials))
    finally:
        cluster.remove()


def one_member():
    """
    What one member can do to those who use it.
    """
    return around_a_cluster(
        "revoked_lease", "compacted_history", "killed_server", "frozen_server", "frozen_for_load"
    )


def test_one_member(outcome):
    """
    Nothing that happens to a lease, the history or one member fails a call.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["read_again"], outcome  # else nobody missed what was compacted


def outages():
    """
    Without a quorum, and without anybody.
    """
    return around_a_cluster("lost_quorum", "restarted_ensemble")


def test_outages(outcome):
    """
    No call fails while etcd is away, and what is started once it is back is found.
    """
    assert {} == outcome["report"]["failed"], outcome
    assert outcome["stopped_without_quorum_s"] < 8, outcome


class EtcdTrials(Trials[EtcdMember]):
    """
    With what only etcd has: leases and a history.
    """

    frozen_s = 12.0
    without_anybody_s = 20.0
    ensemble: Cluster

    def revoked_lease(self) -> None:
        """
        Somebody revokes what a provider announced with.
        """
        victim = self.providers[0]
        before = self.announced()
        lease = victim.ask("registry")["lease"]
        self._ctl("lease", "revoke", f"{lease:x}")
        until(lambda: lease != victim.ask("registry")["lease"], "it has a new lease")
        self.facts["revoked_lease_back_after_s"] = self.until_back(before)

    def compacted_history(self) -> None:
        """
        While the consumer is not there, its member dies and what it missed is compacted.
        """
        member = self.server_of(self.load)
        self.load.freeze()
        try:
            member.kill()
            newcomer = self.processes.provider()
            for _ in range(3):
                self._ctl("put", "/elsewhere", "of no interest")
            answer = json.loads(self._ctl("get", "/elsewhere", "-w", "json"))
            self._ctl("compact", str(answer["header"]["revision"]))
        finally:
            self.load.thaw()
        self.facts["compacted_history_seen_after_s"] = self.load.seen_after_s(newcomer)
        self.facts["read_again"] = "are read from etcd again" in self.load.errors()
        newcomer.stop()
        self.ensemble.serve(member)

    def frozen_for_load(self) -> None:
        """
        The consumer's member says nothing any more.
        """
        self._freeze(self.server_of(self.load))

    def announced(self) -> set[str]:
        return set(self._ctl("get", "--prefix", "--keys-only", PLACE).split())

    def server_of(self, process: Process) -> EtcdMember:
        return self.ensemble.at(process.ask("registry")["port"])

    def _ctl(self, *words: str) -> str:
        """
        Have etcd's own client do something, at a member that serves.
        """
        member = next(each for each in self.ensemble.servers if each.is_ready())
        return etcdctl(member, *words)
