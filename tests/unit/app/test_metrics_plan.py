"""
What ``[metrics]`` says.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.app.reactors import random_source
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources


def application(*sets: str) -> Application:
    """
    Return a process in memory.
    """
    sources = Sources.load((), {}, ("registry.plugin=memory", *sets))
    return Application(read_plan(sources), Clock(), random_source())


def test_nothing_is_exported_unasked() -> None:
    """
    Without an exporter nobody sends anything; the limit of series is that of the documentation.
    """
    app = application()
    meter = app.runtime.plugin_context.meter
    assert app.plan.metrics.exporter is None
    assert 2000 == meter.max_series
    assert "rpcfw_metrics_exports_total" not in {family.name for family in meter}


def test_an_exporter_and_its_options() -> None:
    """
    The exporter that is named is made, with its options from the same section.
    """
    app = application(
        "metrics.exporter=otlp",
        "metrics.endpoint=http://127.0.0.1:1/v1/metrics",
        "metrics.interval=5s",
        "metrics.max_series=7",
    )
    chosen = app.plan.metrics.exporter
    assert chosen is not None
    assert ("otlp", 5.0) == (chosen.name, chosen.options.interval)
    meter = app.runtime.plugin_context.meter
    assert 7 == meter.max_series
    assert "rpcfw_metrics_exports_total" in {family.name for family in meter}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("metrics.max_series=0", "must be 1 to 100,000"),
        ("metrics.exporter=statsd", "no plugin is called 'statsd'"),
        ("metrics.interval=5s", "interval"),
    ],
)
def test_mistakes(given: str, reason: str) -> None:
    """
    A limit of nothing, an exporter that there is not, and an option of none are refused.
    """
    with pytest.raises(SettingsError, match=reason):
        application(given)
