"""
What is measured by calling: unary calls, large payloads, and streams.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from attrs import field, frozen

from benchmarks import peers
from benchmarks.children import Child, ChildError, running
from benchmarks.messages import generate
from benchmarks.registry_scale.scale import Scale
from benchmarks.rows import Row, call_row, stream_row

__all__ = [
    "Plan",
    "dubbo",
    "grpc",
    "grpc_payload",
    "grpc_stream",
    "is_usable",
    "payload",
    "stream",
    "unary",
]

Pairs = Sequence[tuple[str, str]]
Measure = Callable[[str, str, Child], Iterable[Row]]

#: What a payload of a mebibyte is made of: an order with a long remark.
_MEBIBYTE = 1 << 20


@frozen
class Plan:
    """
    How thorough a run is.

    Args:
        servers: those to measure; all there are if empty.
        clients: those to measure them with, over gRPC; likewise.
        in_flight: numbers of calls in flight.
        seconds: length of one measurement, after a warm-up of a quarter of it.
        repetitions: measurements of which the middle is told.
        zookeeper: address of a ZooKeeper server, if there is one to measure.
        hessian_lite: path of Java's library for Hessian, likewise.
        scale: of a simulated fleet.
        output: folder for what a command writes beside its rows; None: where it belongs.
    """

    servers: tuple[str, ...]
    clients: tuple[str, ...]
    in_flight: tuple[int, ...]
    seconds: float
    repetitions: int
    zookeeper: str = ""
    hessian_lite: str = ""
    scale: Scale = field(factory=Scale)
    output: Path | None = None

    def alone(self, known: Sequence[str]) -> list[tuple[str, str]]:
        """
        Return each server that is asked for, with the client of the same name if there is one.
        """
        servers = _usable(known, self.servers)
        return [(peer, peers.CALLED_BY.get(peer, peer)) for peer in servers]

    def together(
        self, known: Sequence[str], callers: Sequence[str] | None = None
    ) -> list[tuple[str, str]]:
        """
        Return each server that is asked for, with each client that is.

        Args:
            known: the servers that there are.
            callers: the clients, if they are others.
        """
        clients = _usable(callers or known, self.clients)
        return [(peer, client) for peer in _usable(known, self.servers) for client in clients]


def _usable(known: Sequence[str], asked: Sequence[str]) -> list[str]:
    return [one for one in known if (not asked or one in asked) and is_usable(one)]


@cache
def is_usable(peer: str) -> bool:
    """
    Whether a peer is installed, and could be built if it has to; said once if it is not.
    """
    reason = peers.missing(peer)
    try:
        if not reason:
            peers.prepare(peer)
    except CalledProcessError as error:
        reason = f"its build failed, see above: {error}"
    if reason:
        _say(f"{peer} is left out: {reason}")
    return not reason


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


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
    Measure payloads of one mebibyte, each sent there and back.
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
    rows = _calls(plan, pairs, remark_bytes=_MEBIBYTE, **job)
    return [{**row, "mb_per_s": round(row["calls_per_s"] * _MEBIBYTE / 1e6, 1)} for row in rows]


def _calls(plan: Plan, pairs: Pairs, **job: Any) -> list[Row]:
    def measure(server: str, client: str, calling: Child) -> Iterator[Row]:
        for in_flight in plan.in_flight:
            row = call_row(server, client, in_flight, _found(plan, calling, in_flight))
            _say(
                f"{server} called by {client}: {row['calls_per_s']:,.0f} calls/s "
                f"with {in_flight} in flight"
            )
            yield row

    return sorted(_each(pairs, measure, **job), key=lambda row: row["in_flight"])


def _stream(plan: Plan, pairs: Pairs, **job: Any) -> list[Row]:
    def measure(server: str, client: str, calling: Child) -> Iterator[Row]:
        row = stream_row(server, client, _found(plan, calling, 1))
        _say(f"{server} called by {client}: {row['messages_per_s']:,.0f} messages/s")
        yield row

    return _each(pairs, measure, kind="stream", **job)


def _found(plan: Plan, calling: Child, in_flight: int) -> list[dict[str, Any]]:
    order = {"in_flight": in_flight, "seconds": plan.seconds}
    return [calling.ask(order, plan.seconds * 2) for _ in range(plan.repetitions)]


def _each(pairs: Pairs, measure: Measure, **job: Any) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        modules = Path(directory)
        generate(modules)
        for server, client in pairs:
            try:
                with running(server, client, modules, **job) as calling:
                    rows += measure(server, client, calling)
            except ChildError as error:
                _say(f"{server} called by {client}: {error}")
    return rows
