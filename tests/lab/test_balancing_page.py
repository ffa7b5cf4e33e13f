"""
The page on balancers compared: its figures are those of the balancers as they are now.
"""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from benchmarks.balancing.figures import row
from benchmarks.balancing.report import FOLDER, write
from benchmarks.balancing.simulation import COLD, FAILING, SLOW, Simulation
from rpcfw.status import Status

PAGE = FOLDER / "balancing.md"


def balancers():
    """
    Return the names of those that the page compares.
    """
    lines = PAGE.read_text().splitlines()
    return sorted({line.split("`")[1] for line in lines if line.startswith("| `")})


def test_all_are_compared():
    """
    Each balancer that rpcfw brings is on the page.
    """
    assert balancers() == sorted(each.name for each in entry_points(group="rpcfw.balancers"))


@pytest.mark.parametrize("balancer", balancers())
def test_the_figures_are_of_today(balancer):
    """
    The row of a balancer is what the simulation finds now.

    To write the page anew: python -m benchmarks balancing
    """
    found = row(balancer, 10)
    cells = [f"{found[name]:,}" for name in found if name not in ("balancer", "nodes")]

    assert f"| `{balancer}` | {' | '.join(cells)} |" in PAGE.read_text()


def test_the_same_seed_gives_the_same_calls():
    """
    Two runs make the same calls, and another seed makes others.
    """
    first, again, other = (
        [(one.at, one.node, one.took_s, one.status) for one in Simulation("p2c", 10, seed).run(2)]
        for seed in (7, 7, 8)
    )

    assert first == again
    assert first != other


def test_each_trouble_shows():
    """
    The slow node takes longest, only the failing one fails, and the cold one joins later.
    """
    calls = Simulation("round_robin", 10).run(21)
    failed = {one.node for one in calls if one.status is Status.UNAVAILABLE}
    mean_s = {
        place: sum(each) / len(each)
        for place in range(10)
        if (each := [one.took_s for one in calls if one.node == place])
    }

    assert {FAILING} == failed
    assert SLOW == max(mean_s, key=lambda place: mean_s[place])
    assert min(one.at for one in calls if one.node == 10 + COLD) >= 20


def test_the_plots_are_small(tmp_path):
    """
    The page and its plots are written to a folder, and a plot has a few kilobytes.
    """
    names = ["slow_share", "failing_share", "cold_share", "large_to_small", "errors_percent"]
    figures = {**dict.fromkeys(names, 5.0), "p50_ms": 20.0, "p99_ms": 300.0, "p999_ms": 900.0}
    write([{"balancer": "p2c", "nodes": size, **figures} for size in (10, 100)], tmp_path)

    plots = sorted(tmp_path.glob("*.svg"))
    assert ["errors", "latency", "share"] == [one.stem.removeprefix("balancing-") for one in plots]
    for one in plots:
        assert one.stat().st_size < 4096
        assert one.read_text().count("p2c") == 1
    assert "| `p2c` | 5.0 |" in (tmp_path / "balancing.md").read_text()
