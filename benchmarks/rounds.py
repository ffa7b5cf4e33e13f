"""
Servers and clients beside each other, measured in rounds: each of them once in a round.

A machine may be slow for minutes. In rounds that is the same for all, and the middle of several
rounds can be compared.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from attrs import field, frozen

from benchmarks.children import BEGIN_S, Child, ChildError, cores
from benchmarks.plan import Plan

__all__ = ["Found", "Measured", "Pair", "measure"]

#: What a client found in one round.
Found = Mapping[str, Any]


@frozen(eq=False)
class Pair:
    """
    A client, and the server that it calls.

    Args:
        names: the columns that tell its rows from others.
        serve: the job of the server: pairs with the same job share one.
        call: the job of the client.
    """

    names: Mapping[str, Any]
    serve: Mapping[str, Any]
    call: Mapping[str, Any]

    def __str__(self) -> str:
        return ", ".join(map(str, self.names.values()))


@frozen
class Measured:
    """
    What was found for a pair with a number of calls in flight, round by round.
    """

    pair: Pair
    in_flight: int
    found: Sequence[Found]


def measure(
    plan: Plan, pairs: Sequence[Pair], shared: Mapping[str, Any], *, tolerant: bool = False
) -> list[Measured]:
    """
    Measure pairs in rounds.

    Args:
        plan: how many rounds, how long, and with how many calls in flight.
        pairs: what to measure.
        shared: of the jobs of all.
        tolerant: whether a pair that fails is left out, and told; else nothing is measured.
    """
    with ExitStack() as children:
        table = _Table(children, shared, tolerant=tolerant)
        for pair in pairs:
            table.add(pair)
        for number in range(plan.repetitions):
            sys.stderr.write(f"round {number + 1} of {plan.repetitions}\n")
            for in_flight in plan.in_flight:
                table.measure(in_flight, plan.seconds)
        return table.found(plan.in_flight)


@frozen
class _Table:
    """
    The children of one table, and what they found so far.
    """

    _children: ExitStack
    _shared: Mapping[str, Any]
    _tolerant: bool = field(kw_only=True)
    _servers: dict[str, Mapping[str, Any]] = field(factory=dict, init=False)
    _clients: dict[Pair, Child] = field(factory=dict, init=False)
    _found: dict[tuple[int, Pair], list[Found]] = field(factory=dict, init=False)

    def add(self, pair: Pair) -> None:
        """
        Start a pair: the server only if there is none with the same job.
        """
        try:
            told = self._told_by_server(pair.serve)
            job = {**self._shared, **told, **pair.call, "role": "call", "core": cores()[1]}
            self._clients[pair] = self._children.enter_context(Child(job))
        except ChildError as error:
            self._leave_out(pair, error)

    def _told_by_server(self, serve: Mapping[str, Any]) -> Mapping[str, Any]:
        key = json.dumps(serve, sort_keys=True)
        if key not in self._servers:
            job = {**self._shared, **serve, "role": "serve", "core": cores()[0]}
            server = self._children.enter_context(Child(job))
            told = server.read(BEGIN_S.get(job["peer"], 0.0))
            self._servers[key] = {**told, "server_pid": server.pid}
        return self._servers[key]

    def measure(self, in_flight: int, seconds: float) -> None:
        """
        Let each client measure once.
        """
        order = {"in_flight": in_flight, "seconds": seconds}
        for pair, client in list(self._clients.items()):
            try:
                found = client.ask(order, seconds * 2)
            except ChildError as error:
                del self._clients[pair]
                self._leave_out(pair, error)
                continue
            self._found.setdefault((in_flight, pair), []).append(found)
            rate = found["count"] / found["took_s"]
            sys.stderr.write(f"{pair}: {rate:,.0f}/s with {in_flight} in flight\n")

    def _leave_out(self, pair: Pair, error: ChildError) -> None:
        if not self._tolerant:
            raise error
        sys.stderr.write(f"{pair}: {error}\n")

    def found(self, in_flight: Sequence[int]) -> list[Measured]:
        """
        Return what was found: by the number of calls in flight, then in the order of the pairs.
        """
        pairs = dict.fromkeys(pair for _, pair in self._found)
        return [
            Measured(pair, number, self._found[number, pair])
            for number in in_flight
            for pair in pairs
            if (number, pair) in self._found
        ]
