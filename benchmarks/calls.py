"""
What is measured by calling: unary calls, large payloads, and streams.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rounds import Measured, Pair, measure
from benchmarks.rows import Row, call_row, stream_row

__all__ = ["dubbo", "grpc", "grpc_payload", "grpc_stream", "payload", "stream", "unary"]

Pairs = Sequence[tuple[str, str]]

#: The remark of an order whose size does not matter.
_SMALL = 64


def unary(plan: Plan) -> list[Row]:
    """
    Measure every server with its own client.
    """
    return _calls(plan, plan.alone(peers.UNARY))


def grpc(plan: Plan) -> list[Row]:
    """
    Measure gRPC servers and clients of different makers with each other.
    """
    return _calls(plan, plan.together(peers.GRPC, peers.GRPC_CLIENTS), wire="grpc")


def dubbo(plan: Plan) -> list[Row]:
    """
    Measure the same order over Dubbo's protocol, and with Protobuf over the native one.

    Our client calls Dubbo's own provider in Java, too.
    """
    return _calls(plan, plan.alone(peers.DUBBO))


def payload(plan: Plan) -> list[Row]:
    """
    Measure large payloads, each sent there and back.
    """
    return _payload(plan, plan.alone(peers.PAYLOAD))


def grpc_payload(plan: Plan) -> list[Row]:
    """
    Measure them over gRPC, servers and clients of different makers with each other.
    """
    return _payload(plan, plan.together(peers.GRPC_PAYLOAD), wire="grpc")


def stream(plan: Plan) -> list[Row]:
    """
    Measure the messages of one endless server stream.
    """
    return _stream(plan, plan.alone(peers.STREAMING))


def grpc_stream(plan: Plan) -> list[Row]:
    """
    Measure them over gRPC, servers and clients of different makers with each other.
    """
    return _stream(plan, plan.together(peers.GRPC_STREAMING), wire="grpc")


def _payload(plan: Plan, pairs: Pairs, **job: Any) -> list[Row]:
    """
    Measure each size: an order with a long remark.
    """
    return [
        _payload_row(one, size)
        for size in plan.payload_bytes
        for one in _measured(plan, pairs, remark_bytes=size, **job)
    ]


def _payload_row(one: Measured, size: int) -> Row:
    row = call_row({**one.pair.names, "bytes": size}, one.in_flight, one.found)
    return {**row, "mb_per_s": round(row["calls_per_s"] * size / 1e6, 1)}


def _calls(plan: Plan, pairs: Pairs, **job: Any) -> list[Row]:
    return [
        call_row(one.pair.names, one.in_flight, one.found) for one in _measured(plan, pairs, **job)
    ]


def _stream(plan: Plan, pairs: Pairs, **job: Any) -> list[Row]:
    measured = _measured(plan, pairs, kind="stream", **job)
    return [stream_row(one.pair.names, one.found) for one in measured]


def _measured(plan: Plan, pairs: Pairs, **job: Any) -> list[Measured]:
    shared = {"kind": "unary", "remark_bytes": _SMALL, **job}
    with tempfile.TemporaryDirectory() as modules:
        generate(Path(modules))
        shared["modules"] = modules
        return measure(plan, [_pair(*pair) for pair in pairs], shared, tolerant=True)


def _pair(server: str, client: str) -> Pair:
    names: Mapping[str, Any] = {"server": server, "client": client}
    return Pair(names, {"peer": server}, {"peer": client})
