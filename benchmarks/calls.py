"""
What is measured by calling: unary calls, large payloads, and streams.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from attrs import frozen

from benchmarks import peers
from benchmarks.children import ChildError, running
from benchmarks.messages import generate
from benchmarks.rows import Row, call_row, stream_row

__all__ = ["Plan", "grpc", "payload", "stream", "unary"]

#: What a payload of a mebibyte is made of: an order with a long remark.
_MEBIBYTE = 1 << 20


@frozen
class Plan:
    """
    How thorough a run is.

    Args:
        servers: those to measure; all there are if empty.
        in_flight: numbers of calls in flight.
        seconds: length of one measurement, after a warm-up of a quarter of it.
        repetitions: measurements of which the middle is told.
        zookeeper: address of a ZooKeeper server, if there is one to measure.
    """

    servers: tuple[str, ...]
    in_flight: tuple[int, ...]
    seconds: float
    repetitions: int
    zookeeper: str = ""

    def chosen(self, known: Iterable[str]) -> list[str]:
        """
        Return what of the known servers is asked for and can run here.
        """
        chosen = [one for one in known if not self.servers or one in self.servers]
        for peer in chosen:
            if package := peers.missing(peer):
                _say(f"{peer} is left out: pip install {package}")
        return [peer for peer in chosen if not peers.missing(peer)]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def unary(plan: Plan) -> list[Row]:
    """
    Measure every server with its own client.
    """
    return _calls(plan, [(peer, peer) for peer in plan.chosen(peers.UNARY)])


def grpc(plan: Plan) -> list[Row]:
    """
    Measure gRPC servers and clients of different makers with each other.
    """
    chosen = plan.chosen(peers.GRPC)
    pairs = [(server, client) for server in chosen for client in peers.GRPC]
    return _calls(plan, [pair for pair in pairs if not peers.missing(pair[1])], kind="grpc")


def payload(plan: Plan) -> list[Row]:
    """
    Measure payloads of one mebibyte, each sent there and back.
    """
    pairs = [(peer, peer) for peer in plan.chosen(peers.UNARY) if peer in peers.PAYLOAD]
    rows = _calls(plan, pairs, remark_bytes=_MEBIBYTE)
    return [{**row, "mb_per_s": round(row["calls_per_s"] * _MEBIBYTE / 1e6, 1)} for row in rows]


def stream(plan: Plan) -> list[Row]:
    """
    Measure the messages of one endless server stream.
    """
    rows = []
    with tempfile.TemporaryDirectory() as directory:
        modules = Path(directory)
        generate(modules)
        for peer in plan.chosen(peers.STREAMING):
            try:
                with running(peer, peer, modules, kind="stream") as client:
                    order = {"in_flight": 1, "seconds": plan.seconds}
                    found = [client.ask(order, plan.seconds * 2) for _ in range(plan.repetitions)]
            except ChildError as error:
                _say(f"{peer}: {error}")
                continue
            rows.append(stream_row(peer, peer, found))
    return rows


def _calls(
    plan: Plan, pairs: Sequence[tuple[str, str]], remark_bytes: int = 64, kind: str = "unary"
) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as directory:
        modules = Path(directory)
        generate(modules)
        for server, client in pairs:
            try:
                rows += _pair(plan, server, client, modules, remark_bytes, kind)
            except ChildError as error:
                _say(f"{server} called by {client}: {error}")
    return sorted(rows, key=lambda row: row["in_flight"])


def _pair(
    plan: Plan, server: str, client: str, modules: Path, remark_bytes: int, kind: str
) -> list[Row]:
    rows = []
    with running(server, client, modules, kind=kind, remark_bytes=remark_bytes) as calling:
        for in_flight in plan.in_flight:
            order = {"in_flight": in_flight, "seconds": plan.seconds}
            found = [calling.ask(order, plan.seconds * 2) for _ in range(plan.repetitions)]
            rows.append(call_row(server, client, in_flight, found))
            _say(
                f"{server} called by {client}: {rows[-1]['calls_per_s']:,.0f} calls/s "
                f"with {in_flight} in flight"
            )
    return rows
