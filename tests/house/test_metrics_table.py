"""
The table of metrics in the documentation is that of the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

import pytest
from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.app.reactors import random_source
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.metrics import Counter
from rpcfw.spi.runtime.readings import Reading
from tests.house.declared_metrics import DeclaredMetric, declared_metrics
from tests.house.tree import ROOT

DECLARED = declared_metrics()
_ROW = re.compile(r"\| `([a-z_]+)` \| (\w+) \| (\w+|–) \| (.*?) \| (.*?) \|$", re.MULTILINE)
#: Metrics of the field have the names of Prometheus's own clients.
_PREFIXES = ("rpcfw_", "process_", "python_")


def row(metric: DeclaredMetric) -> tuple[str, ...]:
    """
    Return what the table says of a metric.
    """
    unit = Reading(Counter, metric.name, "", ()).unit
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return metric.name, metric.kind, unit or "–", labels or "–", metric.meaning


def documented() -> Iterator[tuple[str, ...]]:
    """
    Yield the rows of the table.
    """
    text = (ROOT / "docs" / "observability.md").read_text("utf-8")
    for match in _ROW.finditer(text):
        yield match.groups()


def test_the_table_is_that_of_the_code() -> None:
    """
    Each metric is documented with its type, unit, labels and meaning, and nothing else is.
    """
    assert {row(metric) for metric in DECLARED} == {*documented()}


def test_one_name_means_one_thing() -> None:
    """
    Places that declare the same metric declare it alike.
    """
    by_name = sorted(DECLARED, key=lambda metric: metric.name)
    for name, found in groupby(by_name, key=lambda metric: metric.name):
        assert 1 == len({row(metric) for metric in found}), name


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric.name)
def test_names(metric: DeclaredMetric) -> None:
    """
    Names keep the rules of Prometheus: snake_case, the unit last, counters end with _total.
    """
    assert metric.name.startswith(_PREFIXES)
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.place
    if metric.kind == "histogram":
        assert metric.name.endswith(("_seconds", "_bytes"))
    assert not {"le", "quantile", "job", "instance"} & {*metric.labels}
    assert metric.meaning
    assert "\n" not in metric.meaning


def test_a_process_declares_nothing_else() -> None:
    """
    What a process declares was found in the text of the code, as it is declared.
    """
    sets = ["registry.plugin=memory", "server.services="]
    app = Application(read_plan(Sources.load((), {}, sets)), Clock(), random_source())
    app.channel("demo.Shop")
    meter = app.runtime.plugin_context.meter
    known = {metric.name: metric for metric in DECLARED}
    found = [*meter, *meter.observed]
    assert len(found) > 20
    for family in found:
        metric = known[family.name]
        kind, labels = family.kind.__name__.lower(), family.labels
        assert (metric.kind, metric.meaning, metric.labels) == (kind, family.meaning, labels)
