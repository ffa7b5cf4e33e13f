"""
What TLS costs: for calls on connections that stay, and for new connections.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import peers
from benchmarks.certificate import certificate
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rounds import Found, Measured, Pair, measure
from benchmarks.rows import Row, call_row, cost_columns, rate_columns

__all__ = ["connections", "tls"]

#: The wire, the server and the client of it.
Triples = Iterable[tuple[str, str, str]]


def tls(plan: Plan) -> list[Row]:
    """
    Measure calls with TLS and without.
    """
    native = [("native", *pair) for pair in plan.alone(peers.TLS)]
    grpc = [("grpc", *pair) for pair in plan.together(peers.GRPC_TLS)]
    measured = _measured(plan, [*native, *grpc], {"no": {}, "yes": {"certificate": True}}, "tls")
    return [call_row(one.pair.names, one.in_flight, one.found) for one in measured]


def connections(plan: Plan) -> list[Row]:
    """
    Measure new connections: without TLS, with a whole handshake, and with a session resumed.
    """
    native = [("native", server, "ssl") for server, _ in plan.alone(peers.TLS)]
    grpc = [("grpc", server, "ssl") for server, _ in plan.alone(peers.GRPC_TLS)]
    kinds = {
        "no TLS": {},
        "whole": {"certificate": True},
        "resumed": {"certificate": True, "resumes": True},
    }
    measured = _measured(plan, [*native, *grpc], kinds, "handshake")
    return [_connection_row(one.pair.names, one.in_flight, one.found) for one in measured]


def _connection_row(names: Mapping[str, Any], in_flight: int, found: Sequence[Found]) -> Row:
    return {
        **names,
        "in_flight": in_flight,
        **rate_columns(found, "connections"),
        "p50_us": round(median(one["p50_us"] for one in found), 1),
        **cost_columns(found, "connection"),
    }


def _measured(
    plan: Plan, triples: Triples, kinds: Mapping[str, Mapping[str, Any]], column: str
) -> list[Measured]:
    """
    Measure each pair in each of some kinds: those are jobs by what they are called in a column.
    """
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        file = str(certificate(Path(folder)))
        pairs = [
            _pair(*triple, {column: name}, {**kind, "certificate": file if kind else ""})
            for triple in triples
            for name, kind in kinds.items()
        ]
        shared = {"kind": "unary", "remark_bytes": 64, "modules": folder}
        return measure(plan, pairs, shared, tolerant=True)


def _pair(
    wire: str, server: str, client: str, column: Mapping[str, str], kind: Mapping[str, Any]
) -> Pair:
    return Pair(
        {"wire": wire, "server": server, "client": client, **column},
        {"peer": server, "wire": wire, "certificate": kind["certificate"]},
        {"peer": client, "wire": wire, **kind},
    )
