"""
What a pick costs: the balancers alone, among ten nodes and among ten thousand.

For a balancer that learns, the reports of the begin and the end of the attempt are in it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from random import Random

from twisted.internet.task import Clock

from benchmarks.rows import Row
from rpcfw.app.plan import read_plan
from rpcfw.kernel.plugins import Plugins
from rpcfw.kernel.settings import Sources
from rpcfw.spi.balancer import Balancer, Picker
from rpcfw.status import Status
from rpcfw.testing.candidates import FixedCandidate, a_call, candidate
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.outcome import Outcome

__all__ = ["balancers", "picking"]

SIZES = (10, 1_000, 10_000)

#: What a balancer needs beside its name.
_OPTIONS = {"consistent_hash": ("balancer.key=metadata user",)}
#: Time of the lab from one pick to the next.
_STEP_S = 0.001
_LATENCY_S = 0.01
#: Picks between two looks at the clock.
_AT_ONCE = 1_000


def balancers() -> tuple[str, ...]:
    """
    Return the names of the balancers that are installed.
    """
    return Plugins().names("rpcfw.balancers")


def picking(seconds: float) -> list[Row]:
    """
    Measure each balancer with each number of nodes, for so many seconds.
    """
    rows: list[Row] = []
    for name in balancers():
        rows += (_row(name, size, seconds) for size in SIZES)
    return rows


def _row(name: str, size: int, seconds: float) -> Row:
    clock = Clock()
    picker = _made(name, clock).picker([candidate(f"node-{number}") for number in range(size)])
    picks = _picks(picker, clock)
    next(picks)  # what the first picks prepare is not counted
    count, began_s = 0, time.process_time()
    while (taken_s := time.process_time() - began_s) < seconds or not count:
        count += next(picks)
    sys.stderr.write(f"{name} among {size:,} nodes: {taken_s / count * 1e6:.2f} µs a pick\n")
    return {"balancer": name, "nodes": size, "us_per_pick": round(taken_s / count * 1e6, 2)}


def _made(name: str, clock: Clock) -> Balancer:
    sets = (f"balancer.plugin={name}", *_OPTIONS.get(name, ()))
    chosen = read_plan(Sources.load((), {}, sets)).clients[""].balancer
    return chosen.make(plugin_context(clock, random=Random(0)))


def _picks(picker: Picker, clock: Clock) -> Iterator[int]:
    """
    Yield how many picks were made meanwhile.
    """
    call, outcome = a_call(metadata={"user": "bob"}), Outcome(Status.OK, _LATENCY_S)
    while True:
        for _ in range(_AT_ONCE):
            picked = picker.pick(call)
            assert isinstance(picked, FixedCandidate)
            if picker.learns:
                picked.in_flight += 1
                picker.began(picked)
                clock.rightNow += _STEP_S
                picked.in_flight -= 1
                picker.record(picked, outcome)
        yield _AT_ONCE
