"""
The page ``/metrics``.
"""

from __future__ import annotations

import sys

import pytest

from rpcfw.spi.page import Page, PageRefused, PageRequest, PageResponse
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.page import FixedProcess, PageContract, asked
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_metrics.page import MetricsPage


class TestMetricsContract(PageContract):
    def make(self) -> Page:
        return MetricsPage(NoOptions(), plugin_context())


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain"),
        ("text/html", "text/plain"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text"),
    ],
)
def test_formats(accept: str, content_type: str) -> None:
    """
    Who asks for OpenMetrics gets it; everybody else, a browser too, gets text.
    """
    context = plugin_context()
    context.meter.counter("things_total", "things").of().value = 3
    found: list[PageResponse] = []
    page = MetricsPage(NoOptions(), context)
    spawn(page.render(PageRequest(FixedProcess(), accept=accept))).addCallback(found.append)

    (answer,) = found
    assert answer.content_type.startswith(content_type)
    assert b"things_total 3.0" in answer.body


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the extra, the page says what to install; the process and its other pages run.
    """
    monkeypatch.delitem(sys.modules, "rpcfw_metrics.exposition", raising=False)
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    with pytest.raises(PageRefused, match=r"pip install 'rpcfw\[metrics\]'"):
        asked(MetricsPage(NoOptions(), plugin_context()))
