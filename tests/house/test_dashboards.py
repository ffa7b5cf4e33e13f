"""
The dashboards and alert rules in ``conf/`` fit the metrics of the code.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.declared_metrics import DeclaredMetric, declared_metrics
from tests.house.tree import ROOT
from tests.requirements import require

DECLARED: dict[str, DeclaredMetric] = {metric.name: metric for metric in declared_metrics()}
BOARDS = sorted((ROOT / "conf" / "grafana").glob("*.json"))
RULES = sorted((ROOT / "conf" / "prometheus").glob("*.yml"))

_NAME = re.compile(r"\b(?:rpcfw|process|python)_[a-z0-9_]+\b")
_SELECTOR = re.compile(r"\b((?:rpcfw|process|python)_[a-z0-9_]+)\{([^}]*)\}")
_PART_OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")
#: Labels that Prometheus adds as it scrapes.
_SCRAPED = {"job", "instance", "le"}


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (panel for panel in board["panels"] if panel["type"] != "row")


def expressions(path: Path) -> list[str]:
    """
    Return the queries of a dashboard or of a file of rules.
    """
    text = path.read_text("utf-8")
    if path.suffix == ".yml":
        found = re.findall(r"expr: \|\n((?: {10}.*\n)+)|expr: (\w.*)\n", text)
        return [block or line for block, line in found]
    board = json.loads(text)
    queries = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    return queries + [one["query"] for one in board["templating"]["list"] if one["type"] == "query"]


def metric_of(name: str) -> DeclaredMetric:
    """
    Return what a name in a query stands for.
    """
    part = _PART_OF_HISTOGRAM.sub("", name)
    metric = DECLARED.get(part if DECLARED.get(part) else name)
    assert metric is not None, f"no metric is called {name}"
    assert (part != name) == (metric.kind == "histogram"), f"{name} is a {metric.kind}"
    return metric


@pytest.mark.parametrize("path", [*BOARDS, *RULES], ids=lambda path: path.name)
def test_every_metric_exists(path: Path) -> None:
    """
    Each metric that a query names is one of ours, with the labels that it selects by.
    """
    queries = expressions(path)
    assert len(queries) > 10
    for query in queries:
        names = _NAME.findall(query)
        assert names, query
        for name in names:
            metric_of(name)
        for name, selector in _SELECTOR.findall(query):
            labels = {*re.findall(r"([a-z_]+)\s*[!=]~?", selector)}
            assert labels <= {*metric_of(name).labels, *_SCRAPED}, query


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.name)
def test_boards_are_whole(path: Path) -> None:
    """
    Ids are there once, no panels overlap, and each has a title, a unit and a query.
    """
    board = json.loads(path.read_text("utf-8"))
    ids = [panel["id"] for panel in board["panels"]]
    places: set[tuple[int, int]] = set()
    assert len(ids) == len({*ids})
    for panel in panels(board):
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & places, panel["title"]
        places |= cells
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["targets"]
    assert max(x for x, _ in places) < 24


def test_rules_pass_promtool() -> None:
    """
    Prometheus's own checker takes the alert rules.
    """
    require(shutil.which("promtool"), "apt-get install prometheus")
    for path in RULES:
        done = subprocess.run(
            ["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False
        )
        assert 0 == done.returncode, done.stdout + done.stderr


def test_queries_pass_promtool(tmp_path: Path) -> None:
    """
    Prometheus's own checker takes each query of the dashboards.
    """
    require(shutil.which("promtool"), "apt-get install prometheus")
    lines = ["groups:", "  - name: queries", "    rules:"]
    for path in BOARDS:
        board = json.loads(path.read_text("utf-8"))
        queries = [target["expr"] for panel in panels(board) for target in panel["targets"]]
        for number, query in enumerate(queries):
            # Grafana fills in what begins with a dollar.
            filled = query.replace("$__rate_interval", "1m").replace("$", "")
            record = f"{path.stem.replace('-', '_')}:query:{number}"
            lines += [f"      - record: {record}", f"        expr: {json.dumps(filled)}"]
    rules = tmp_path / "queries.yml"
    rules.write_text("\n".join(lines) + "\n", "utf-8")
    done = subprocess.run(
        ["promtool", "check", "rules", str(rules)], capture_output=True, text=True, check=False
    )
    assert 0 == done.returncode, done.stdout + done.stderr
