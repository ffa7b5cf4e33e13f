"""
``python -m benchmarks WHAT``: measure, print a table, and write JSON if asked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import fields, frozen

from benchmarks import (
    authentication,
    calls,
    governance,
    idle,
    instructions,
    observability,
    peers,
    registry,
    tls,
)
from benchmarks.balancing.report import balancing
from benchmarks.hessian import hessian
from benchmarks.plan import Plan
from benchmarks.registry_scale.report import registry_scale
from benchmarks.registry_scale.scale import Scale
from benchmarks.rows import Row, table, with_ratios


@frozen
class Command:
    """
    One thing to measure.

    Args:
        run: measures.
        help: what it is.
        ratios: each a column, and the server whose is set beside it.
        in_flight: numbers of calls in flight unless others are asked for.
    """

    run: Callable[[Plan], list[Row]]
    help: str
    ratios: tuple[tuple[str, str], ...]
    in_flight: tuple[int, ...] = (1,)


COMMANDS = {
    "unary": Command(
        calls.unary,
        "an order there and back: calls/s, latency, processor time on both sides",
        (("calls_per_s", "grpcio-aio"), ("calls_per_s", "thriftpy2"), ("p50_us", "echo")),
        (1, 64, 256),
    ),
    "grpc": Command(
        calls.grpc,
        "the same over gRPC, each server with each client",
        (
            ("server_us_per_call", "grpcio-aio"),
            ("server_us_per_call", "grpc-go"),
            ("calls_per_s", "grpcio-aio"),
        ),
        (64,),
    ),
    "dubbo": Command(
        calls.dubbo,
        "the same over Dubbo's protocol with Hessian 2, against Protobuf on the native one",
        (("server_us_per_call", "rpcfw"), ("client_us_per_call", "rpcfw")),
        (1, 64),
    ),
    "payload": Command(
        calls.payload,
        "1 MiB there and back: MB/s",
        (("mb_per_s", "grpcio-aio"), ("mb_per_s", "grpcio-threads")),
        (1, 8),
    ),
    "stream": Command(
        calls.stream,
        "orders streamed by the server: messages/s",
        (("messages_per_s", "grpcio-aio"),),
    ),
    "grpc-payload": Command(
        calls.grpc_payload,
        "1 MiB there and back over gRPC, each server with each client: MB/s",
        (("mb_per_s", "grpcio-aio"), ("mb_per_s", "grpcio-threads")),
        (1, 8),
    ),
    "grpc-stream": Command(
        calls.grpc_stream,
        "orders streamed by the server over gRPC, each server with each client: messages/s",
        (("messages_per_s", "grpcio-aio"),),
    ),
    "tls": Command(
        tls.tls,
        "an order there and back, with TLS and without, on both wires",
        (("server_us_per_call", "grpcio-aio"), ("server_us_per_call", "grpc-go")),
        (1, 64),
    ),
    "connections": Command(
        tls.connections,
        "new connections: without TLS, with a whole handshake, and with a session resumed",
        (),
        (8,),
    ),
    "instructions": Command(
        instructions.instructions,
        "instructions of both sides for a call, counted by valgrind",
        (("server_instructions", "rpcfw"), ("client_instructions", "rpcfw")),
        (1, 64),
    ),
    "idle": Command(
        idle.idle,
        "memory of the server for each of 5,000 idle connections",
        (("server_bytes_per_connection", "grpcio-aio"),),
    ),
    "governance": Command(
        governance.governance,
        "chains of policies of a client, and what each balancer costs for a pick",
        (),
        (64,),
    ),
    "authentication": Command(
        authentication.authentication,
        "servers that know who calls, by signatures, and decide who may, by rules",
        (),
        (64,),
    ),
    "observability": Command(
        observability.observability,
        "nothing, metrics, an access log and traces: processor time of both sides a call",
        (),
        (64,),
    ),
    "hessian": Command(
        hessian,
        "Hessian beside other libraries: microseconds for an order, and for 1,000",
        (),
    ),
    "registry": Command(
        registry.registry,
        "from announced to visible; loading 10,000 instances",
        (("load_s", "zookeeper"),),
    ),
    "registry-scale": Command(
        registry_scale,
        "registry servers of a group with the instances and consumers of a large fleet",
        (),
    ),
    "balancing": Command(
        balancing,
        "simulated fleets under each balancer; writes the page docs/governance/balancing.md",
        (),
    ),
}


#: What `all` leaves out: some want a server, or valgrind's time, and one measures no machine.
_APART = ("instructions", "registry", "registry-scale", "balancing")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="WHAT")
    every = f"all of them but {', '.join(_APART)}, one table after the other"
    for name, text in [*((name, each.help) for name, each in COMMANDS.items()), ("all", every)]:
        one = commands.add_parser(name, help=text, description=text)
        one.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
        one.add_argument(
            "--servers",
            nargs="+",
            choices=tuple(dict.fromkeys((*peers.UNARY, *peers.DUBBO, *peers.GRPC))),
            default=[],
            metavar="NAME",
        )
        one.add_argument(
            "--clients", nargs="+", choices=peers.GRPC_CLIENTS, default=[], metavar="NAME"
        )
        one.add_argument("--in-flight", nargs="+", type=int, default=[], help="calls at once")
        one.add_argument(
            "--payload-bytes",
            nargs="+",
            type=int,
            default=[1 << 20],
            metavar="BYTES",
            help="sizes of large payloads",
        )
        one.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
        one.add_argument("--repetitions", type=int, default=5, help="of which the middle counts")
        one.add_argument(
            "--zookeeper", default="", metavar="ADDRESS", help="a server for `registry` to measure"
        )
        one.add_argument(
            "--hessian-lite", default="", metavar="JAR", help="of Java, for `hessian` to measure"
        )
        one.add_argument("--output", type=Path, metavar="FOLDER", help="of the page")
        if name == "registry-scale":
            _add_scale(one)
    return parser


def _add_scale(parser: argparse.ArgumentParser) -> None:
    scale = Scale()
    for name, text in (
        ("instances", "that the providers announce"),
        ("services", "that the instances are of"),
        ("consumers", "simulated ones"),
        ("watched", "services that each consumer watches"),
        ("nodes", "registry servers"),
        ("workers", "processes that simulate the consumers"),
    ):
        value = getattr(scale, name)
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{text} ({value})")
    for name, text in (
        ("restart-s", "length of the rolling restart"),
        ("idle-s", "time in which nothing changes"),
        ("connect-per-s", "consumers that begin in a second"),
        ("digest-s", "time between two comparisons of the servers"),
    ):
        number = getattr(scale, name.replace("-", "_"))
        parser.add_argument(f"--{name}", type=float, default=number, help=f"{text} ({number:g})")


def _scale(options: argparse.Namespace) -> Scale:
    names = (each.name for each in fields(Scale))
    given = {name: getattr(options, name) for name in names if hasattr(options, name)}
    return Scale(**given)


def _measure(name: str, options: argparse.Namespace) -> list[Row]:
    """
    Measure one thing and print its table.
    """
    command = COMMANDS[name]
    plan = Plan(
        servers=tuple(options.servers),
        clients=tuple(options.clients),
        in_flight=tuple(options.in_flight) or command.in_flight,
        seconds=options.seconds,
        repetitions=options.repetitions,
        payload_bytes=tuple(options.payload_bytes),
        zookeeper=options.zookeeper,
        hessian_lite=options.hessian_lite,
        scale=_scale(options),
        output=options.output,
    )
    rows = command.run(plan)
    print(table(with_ratios(rows, command.ratios)), flush=True)
    return rows


def main() -> int:
    """
    Measure what the command line asks for.
    """
    options = _parser().parse_args()
    rows: list[Row] = []
    if options.command != "all":
        rows = _measure(options.command, options)
    else:
        for name in (each for each in COMMANDS if each not in _APART):
            print(f"\n{name}: {COMMANDS[name].help}\n")
            rows += [{"what": name, **row} for row in _measure(name, options)]
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
