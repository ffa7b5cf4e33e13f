"""
A real Prometheus scrapes a process: its queries give the rate and the percentile of the calls.
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from rpcfw.spi.runtime.histogram import LATENCY_BUCKETS_S
from tests.house.tree import ROOT
from tests.interop.steady_calls import PACE
from tests.real.commands import Module
from tests.real.ports import free_ports
from tests.requirements import require

CONFIGURATION = """\
global:
  scrape_interval: 200ms
  evaluation_interval: 200ms
scrape_configs:
  - job_name: calls
    static_configs:
      - targets: ["127.0.0.1:{port}"]
rule_files:
  - {rules}
"""
#: However slow the machine.
LIMIT_S = 60
#: What is asked about.
WINDOW_S = 4


class Calls(Module):
    """
    The process that calls itself, with what it said of its calls.
    """

    def __init__(self, port: int) -> None:
        super().__init__("tests.interop.steady_calls", port)
        self.ended: list[tuple[float, float]] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while line := self.line():
            at, took_s = map(float, line.split())
            self.ended.append((at, took_s))

    def between(self, since: float, until: float) -> list[float]:
        """
        Return how long the calls took that ended in a time.
        """
        return sorted(took_s for at, took_s in tuple(self.ended) if since < at <= until)


class Prometheus:
    """
    A Prometheus of the test's own.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def ask(self, path: str, **parameters: object) -> Any:
        url = f"{self._url}/api/v1/{path}?{urlencode(parameters)}"
        with urlopen(url, timeout=10) as answer:  # noqa: S310 - of this test's own
            return json.load(answer)["data"]

    def value(self, query: str, at: float) -> float:
        """
        Return the one value of a query; NaN if there is none.
        """
        found = self.ask("query", query=query, time=at)["result"]
        return float(found[0]["value"][1]) if found else math.nan


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Calls, Prometheus]]:
    """
    The process, and a Prometheus that scrapes it, which has had the time to.
    """
    program = shutil.which("prometheus")
    require(program, "apt-get install prometheus")
    folder: Path = tmp_path_factory.mktemp("prometheus")
    admin, own = free_ports(2)
    rules = ROOT / "conf" / "prometheus" / "rpcfw-alerts.yml"
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=admin, rules=rules))
    arguments = [
        str(program),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{own}",
        "--enable-feature=exemplar-storage",
        "--log.level=error",
    ]
    with Calls(admin) as calls, subprocess.Popen(arguments, cwd=folder) as running:
        prometheus = Prometheus(f"http://127.0.0.1:{own}")
        try:
            _until_scraped(prometheus)
            yield calls, prometheus
        finally:
            running.kill()


def _until_scraped(prometheus: Prometheus) -> None:
    """
    Wait until a whole window of calls is there.
    """
    counted = 'rpcfw_server_calls_total{method="answer",status="OK"}'
    limit = time.monotonic() + LIMIT_S
    while True:
        try:
            if prometheus.value(counted, time.time() - WINDOW_S) > 0:
                return
        except (URLError, OSError):
            pass  # it is starting
        assert time.monotonic() < limit, "Prometheus has not scraped the process"
        time.sleep(0.1)


def test_the_rate(world: tuple[Calls, Prometheus]) -> None:
    """
    A query gives the calls in a second as the process itself has counted them.
    """
    calls, prometheus = world
    now = time.time()
    for side in ("server", "client"):
        query = f'sum(rate(rpcfw_{side}_calls_total{{method="answer",status="OK"}}[{WINDOW_S}s]))'
        rate = prometheus.value(query, now)
        true = len(calls.between(now - WINDOW_S, now)) / WINDOW_S
        # Its rate is extrapolated from scrapes that do not begin and end with the window.
        assert true == pytest.approx(rate, rel=0.25), (side, PACE)


def test_the_percentile(world: tuple[Calls, Prometheus]) -> None:
    """
    A query gives the 99th percentile, as exactly as the bucket is wide that it lies in.
    """
    calls, prometheus = world
    now = time.time()
    buckets = f'rate(rpcfw_client_call_seconds_bucket{{method="answer"}}[{WINDOW_S}s])'
    found = prometheus.value(f"histogram_quantile(0.99, sum by (le) ({buckets}))", now)
    took = calls.between(now - WINDOW_S, now)
    true = took[math.ceil(0.99 * len(took)) - 1]
    bounds = (0.0, *LATENCY_BUCKETS_S, math.inf)
    low = max(bound for bound in bounds if bound < true)
    high = min(bound for bound in bounds if bound >= true)
    # The scrapes are not the window: the percentile may be in the next bucket.
    assert low / 2.5 <= found <= high * 2.5, (true, low, high)
    assert found > 0.1, "one call of 25 takes 0.35 s"


def test_all_that_is_exposed_is_taken(world: tuple[Calls, Prometheus]) -> None:
    """
    The scrape succeeds, as OpenMetrics, and types, meanings and rules are those of our files.
    """
    _, prometheus = world
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert ("up", "") == (target["health"], target["lastError"])
    about = prometheus.ask("metadata")
    assert "counter" == about["rpcfw_server_calls"][0]["type"]
    assert "histogram" == about["rpcfw_client_call_seconds"][0]["type"]
    assert "time that calls took" == about["rpcfw_client_call_seconds"][0]["help"]
    groups = prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    assert not [rule["lastError"] for rule in rules if rule.get("lastError")]
