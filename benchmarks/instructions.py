"""
Instructions of both sides for a call, counted by valgrind.

Other work on the machine may double times, and hardly changes instructions. Server and client run
under callgrind, which counts while calls are made. The begin and the end of a batch of calls cost
something, too, in a short batch as much as in a long one: a call is the difference of the two.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from benchmarks import peers
from benchmarks.children import Child, ChildError, cores
from benchmarks.messages import generate
from benchmarks.plan import Plan
from benchmarks.rows import Row, with_spread

__all__ = ["instructions", "per_call", "total_of"]

#: Calls of the short batch; the long one has three times as many, and one goes before.
_CALLS = 512
#: Valgrind is slow, above all at the start.
_LIMIT_S = 300
_COMMAND_LIMIT_S = 60


def instructions(plan: Plan) -> list[Row]:
    """
    Count them on the native wire and the others' own, and with gRPC.
    """
    if not shutil.which("valgrind") or not shutil.which("vgdb"):
        sys.stderr.write("nothing is counted: apt-get install valgrind\n")
        return []
    own = [("native", *pair) for pair in plan.alone(peers.INSTRUCTIONS)]
    grpc = [("grpc", *pair) for pair in plan.alone(peers.GRPC_INSTRUCTIONS)]
    rows: list[Row] = []
    for wire, server, client in (*own, *grpc):
        try:
            rows += _pair(plan, wire, server, client)
        except (ChildError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"{wire}, {server}, {client}: {error}\n")
    return rows


def _pair(plan: Plan, wire: str, server: str, client: str) -> Iterable[Row]:
    with tempfile.TemporaryDirectory() as directory, ExitStack() as children:
        folder = Path(directory)
        generate(folder)
        shared = {"kind": "unary", "wire": wire, "modules": directory, "remark_bytes": 64}
        job = {**shared, "peer": server, "role": "serve", "core": cores()[0]}
        serving = children.enter_context(_started(job, folder))
        told = serving.read(_LIMIT_S)
        job = {**shared, **told, "peer": client, "role": "call", "core": cores()[1]}
        calling = children.enter_context(_started({**job, "server_pid": serving.pid}, folder))
        sides = _Sides(folder, serving, calling)
        for in_flight in plan.in_flight:
            counted = sides.per_call(in_flight, plan.repetitions)
            names = {"wire": wire, "server": server, "client": client, "in_flight": in_flight}
            row = {**names, **counted}
            sys.stderr.write(f"{', '.join(map(str, row.values()))}\n")
            yield row


def _started(job: dict[str, object], folder: Path) -> Child:
    command = ("valgrind", "--tool=callgrind", "--instr-atstart=no")
    return Child(job, (*command, f"--callgrind-out-file={folder}/counted.%p"))


@frozen
class _Sides:
    """
    A server and a client of it, each under callgrind.
    """

    _folder: Path
    _server: Child
    _client: Child

    def per_call(self, in_flight: int, repetitions: int) -> Row:
        """
        Return what each side takes for a call: the middle of several, with the spread.
        """
        self._tell("instrumentation on")
        self._make(_CALLS, in_flight)
        found = [self._difference(in_flight) for _ in range(repetitions)]
        server, client = zip(*found, strict=True)
        return {
            **with_spread("server_instructions", server, None),
            **with_spread("client_instructions", client, None),
        }

    def _difference(self, in_flight: int) -> list[float]:
        short, long = self._batch(_CALLS, in_flight), self._batch(3 * _CALLS, in_flight)
        return per_call(short, long, _CALLS)

    def _batch(self, calls: int, in_flight: int) -> list[int]:
        self._tell("zero")
        self._make(calls, in_flight)
        self._tell("dump")
        return [total_of(self._folder, child.pid) for child in (self._server, self._client)]

    def _make(self, calls: int, in_flight: int) -> None:
        self._client.ask({"in_flight": in_flight, "seconds": 0.0, "calls": calls}, _LIMIT_S)

    def _tell(self, command: str) -> None:
        program = shutil.which("vgdb")
        assert program is not None
        for child in (self._server, self._client):
            subprocess.run(
                [program, f"--pid={child.pid}", *command.split()],
                check=True,
                capture_output=True,
                timeout=_COMMAND_LIMIT_S,
            )


def per_call(short: Sequence[int], long: Sequence[int], calls: int) -> list[float]:
    """
    Return the cost of one call at each side, of batches with so many calls and three times as many.
    """
    return [(more - less) / (2 * calls) for less, more in zip(short, long, strict=True)]


def total_of(folder: Path, pid: int) -> int:
    """
    Return what callgrind's latest dump of a process says that it executed.
    """
    return sum(_totals(max(folder.glob(f"counted.{pid}.*"), key=_number)))


def _number(dump: Path) -> int:
    return int(dump.suffix[1:])


def _totals(dump: Path) -> Iterator[int]:
    """
    Yield the totals of the threads, which are parts of one file.
    """
    with dump.open() as lines:
        for line in lines:
            name, _, value = line.partition(":")
            if name == "summary":
                yield int(value)
