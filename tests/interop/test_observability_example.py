"""
The example of a provider that shows what it does, as it stands in ``conf/``.
"""

from __future__ import annotations

import json
from urllib.request import Request, urlopen

import pytest

from tests.house.tree import ROOT
from tests.interop.otlp_receiver import OTLPReceiver
from tests.real.commands import Running, address_in, rpcfw
from tests.real.ports import free_ports

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def receiver():
    """
    Stands for the collector.
    """
    with OTLPReceiver() as receiver:
        yield receiver


def test_a_call_is_in_all_of_it(receiver, tmp_path):
    """
    One call is in the access log, in the metrics, on the pages and in the traces, by one trace id.

    Only places are other ones than in the file.
    """
    (port,) = free_ports(1)
    log = tmp_path / "access.log"
    places = (
        "server.listen=tcp:127.0.0.1:0",
        f"admin.listen=tcp:127.0.0.1:{port}",
        f"access_log.file={log}",
        f"tracing.endpoint={receiver.url}",
    )
    serve = ("serve", "-c", ROOT / "conf" / "observability.ini")

    def page(path, accept="text/plain"):
        request = Request(f"http://127.0.0.1:{port}{path}", headers={"Accept": accept})
        with urlopen(request, timeout=60) as answer:  # noqa: S310 - of this test's own
            return answer.read().decode()

    with Running(*serve, *(word for place in places for word in ("--set", place))) as provider:
        address = address_in(provider.line())
        traced = ("--metadata", f"traceparent=00-{TRACE}-00f067aa0ba902b7-01")
        call = ("call", "--address", address, *traced, "demo.Greeter/count")
        failed = rpcfw(*call, '{"to": 9000000}')
        assert "OUT_OF_RANGE" in failed.stderr
        metrics = page("/metrics", "application/openmetrics-text; version=1.0.0")
        calls = json.loads(page("/calls.json"))["calls"]
        code, _, text = provider.end()

    assert 0 == code, text
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (line,) = (each for each in lines if each["method"] == "count")
    assert ("OUT_OF_RANGE", TRACE, 1) == (
        line["status"],
        line["trace_id"],
        line["request_messages"],
    )
    assert [(line["call"], TRACE)] == [(each["number"], each["trace_id"]) for each in calls]
    (counted,) = (each for each in metrics.splitlines() if 'status="OUT_OF_RANGE"' in each)
    assert counted.endswith(" 1.0")
    assert f'trace_id="{TRACE}"' in metrics
    (span,) = receiver.wait_for(1)
    assert "greeter: SERVER demo.Greeter/count OUT_OF_RANGE" == str(span)
    assert TRACE == span.span.trace_id.hex()
