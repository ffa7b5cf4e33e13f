"""
What is measured of TLS, without processes.
"""

from __future__ import annotations

import pytest

from benchmarks import tls
from benchmarks.plan import Plan
from benchmarks.rounds import Measured

pytest.importorskip("cryptography")

_FOUND = {
    "count": 10,
    "took_s": 2.0,
    "p50_us": 5.0,
    "p99_us": 6.0,
    "server_us": 3.0,
    "server_user_us": 2.0,
    "client_us": 3.0,
    "client_user_us": 2.0,
}


@pytest.fixture
def asked(monkeypatch):
    pairs = []

    def measure(plan, given, shared, *, tolerant):
        pairs.extend(given)
        return [Measured(pair, plan.in_flight[0], [_FOUND]) for pair in given]

    monkeypatch.setattr(tls, "measure", measure)
    return pairs


def _plan():
    return Plan(("rpcfw",), ("rpcfw",), (8,), 1.0, 1)


def test_connections_are_measured_in_each_kind(asked):
    """
    Each wire has three rows; all have the same client, and only one of them resumes.
    """
    rows = tls.connections(_plan())
    kinds = ("no TLS", "whole", "resumed")
    assert [(wire, kind) for wire in ("native", "grpc") for kind in kinds] == [
        (row["wire"], row["handshake"]) for row in rows
    ]
    assert {"ssl"} == {pair.call["peer"] for pair in asked}
    assert [False, False, True] * 2 == [pair.call.get("resumes", False) for pair in asked]
    assert {5.0} == {row["connections_per_s"] for row in rows}


def test_both_sides_have_the_certificate_or_neither(asked):
    """
    Servers with TLS and without are apart, and those with TLS are shared by kinds of clients.
    """
    tls.connections(_plan())
    for pair in asked:
        assert bool(pair.serve["certificate"]) is (pair.names["handshake"] != "no TLS")
        assert pair.serve["certificate"] == pair.call["certificate"]
    _, whole, resumed = asked[:3]
    assert whole.serve == resumed.serve


def test_calls_are_measured_with_tls_and_without(asked):
    """
    The rows have the wire and TLS beside the peers.
    """
    rows = tls.tls(_plan())
    assert [
        ("native", "rpcfw", "rpcfw", "no"),
        ("native", "rpcfw", "rpcfw", "yes"),
        ("grpc", "rpcfw", "rpcfw", "no"),
        ("grpc", "rpcfw", "rpcfw", "yes"),
    ] == [tuple(row[name] for name in ("wire", "server", "client", "tls")) for row in rows]
