"""
The figures of a simulated fleet.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.balancing.simulation import COLD, FAILING, JOINS_AT_S, SLOW, Ended, Simulation
from benchmarks.rows import Row
from rpcfw.status import Status

__all__ = ["row"]

#: What balancers learn at first is not counted.
_BEGIN_S = 10.0
_LASTS_S = 60.0
_COLD_FOR_S = 5.0


def row(balancer: str, size: int) -> Row:
    """
    Simulate a fleet, and return its row.

    Shares are in percent of a fair share: 100 is what each node gets if all get the same.
    """
    simulation = Simulation(balancer, size)
    calls = [one for one in simulation.run(_LASTS_S) if one.at >= _BEGIN_S]
    cold = [one for one in calls if JOINS_AT_S <= one.at < JOINS_AT_S + _COLD_FOR_S]
    taken = sorted(one.took_s for one in calls)
    small, large = (
        [place for place in range(2, size - 1) if simulation.nodes[place].workers == workers]
        for workers in (2, 4)
    )
    return {
        "balancer": balancer,
        "nodes": size,
        "slow_share": _share(calls, [SLOW], size),
        "failing_share": _share(calls, [FAILING], size),
        "cold_share": _share(cold, [size + COLD], size),
        "large_to_small": round(_share(calls, large, size) / _share(calls, small, size), 2),
        "errors_percent": _percent(sum(one.status is not Status.OK for one in calls), len(calls)),
        "p50_ms": _percentile_ms(taken, 0.5),
        "p99_ms": _percentile_ms(taken, 0.99),
        "p999_ms": _percentile_ms(taken, 0.999),
    }


def _share(calls: Sequence[Ended], places: Sequence[int], size: int) -> float:
    on_them = sum(one.node in places for one in calls)
    return round(100 * on_them * size / len(calls) / len(places), 1)


def _percent(some: int, of: int) -> float:
    return round(100 * some / of, 2)


def _percentile_ms(taken: Sequence[float], share: float) -> float:
    return round(taken[int(len(taken) * share)] * 1000, 1)
