"""
Pairs of servers and clients that are measured in rounds.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from benchmarks import rounds
from benchmarks.children import ChildError
from benchmarks.plan import Plan
from benchmarks.rounds import Pair, measure


class _Children:
    """
    In place of processes: notes what is started and asked; the clients named are broken.
    """

    def __init__(self):
        self.jobs = []
        self.asked = []
        self.broken = set()

    def __call__(self, job):
        self.jobs.append(job)
        return _Child(self, job)

    def roles(self):
        return [(job["role"], job["peer"]) for job in self.jobs]


class _Child:
    def __init__(self, children, job):
        self._children = children
        self._job = job
        self.pid = len(children.jobs)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def read(self, takes_s):
        return {"port": 1000 + self.pid, "addresses": []}

    def ask(self, order, takes_s):
        name = self._job["peer"]
        if name in self._children.broken:
            raise ChildError(f"{name} ended")
        self._children.asked.append((name, order["in_flight"]))
        return {"count": len(self._children.asked), "took_s": 1.0}


@pytest.fixture
def children(monkeypatch):
    made = _Children()
    monkeypatch.setattr(rounds, "Child", made)
    return made


def _plan(*in_flight, repetitions=1):
    return Plan((), (), in_flight, 1.0, repetitions)


def _pair(server, client):
    return Pair({"server": server, "client": client}, {"peer": server}, {"peer": client})


def test_each_pair_is_measured_once_in_a_round(children):
    """
    No pair has its measurements one after the other, and each keeps its own.
    """
    found = measure(_plan(1, 64, repetitions=2), [_pair("a", "x"), _pair("b", "y")], {})
    one_round = [("x", 1), ("y", 1), ("x", 64), ("y", 64)]
    assert one_round * 2 == children.asked
    assert [
        ("a", 1, [1, 5]),
        ("b", 1, [2, 6]),
        ("a", 64, [3, 7]),
        ("b", 64, [4, 8]),
    ] == [
        (one.pair.names["server"], one.in_flight, [each["count"] for each in one.found])
        for one in found
    ]


def test_clients_share_a_server_with_the_same_job(children):
    """
    The second client is told where the server is that the first one calls.
    """
    measure(_plan(1), [_pair("a", "x"), _pair("a", "y")], {"wire": "grpc"})
    assert [("serve", "a"), ("call", "x"), ("call", "y")] == children.roles()
    where = [SimpleNamespace(**job) for job in children.jobs[1:]]
    assert [(1001, 1, "grpc")] * 2 == [(one.port, one.server_pid, one.wire) for one in where]


def test_a_pair_that_fails_is_left_out(children, capsys):
    """
    The others are measured, and why is told; where all are needed, nothing is.
    """
    children.broken.add("x")
    pairs = [_pair("a", "x"), _pair("b", "y")]
    found = measure(_plan(1, repetitions=3), pairs, {}, tolerant=True)
    assert [("b", 3)] == [(one.pair.names["server"], len(one.found)) for one in found]
    assert 1 == capsys.readouterr().err.count("a, x: x ended")
    with pytest.raises(ChildError):
        measure(_plan(1), pairs, {})
