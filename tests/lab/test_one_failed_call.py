"""
From any trace of a failed call to all others, as docs/observability.md shows it step by step.
"""

from __future__ import annotations

import json
import re

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from rpcfw import ApplicationError, CallError, Status
from rpcfw.spi.runtime.readings import read
from rpcfw_metrics.exposition import exposition
from tests.lab.http_request import get
from tests.lab.services import Greeter
from tests.spans import Recorded

SETS = ("tracing.plugin=otel", "access_log.format=json", "access_log.sides=server, client")


def shown(lab, process, query):
    """
    Return what the page /calls of a process shows.
    """
    response = lab.run(get(process, f"/calls?{query}", Accept="application/json"))
    assert 200 == response.status, response.body
    return json.loads(response.body)["calls"]


def exemplars(process):
    """
    Return the trace ids in the metrics of a process, by the names of the metrics.
    """
    meter = process.application.runtime.plugin_context.meter
    _, text = exposition(read(meter), "application/openmetrics-text")
    return {
        (family.name, sample.exemplar.labels["trace_id"])
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.exemplar
    }


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo"])
def test_all_of_them_lead_to_each_other(lab, tmp_path, wire):
    """
    The error, the spans, an exemplar, a log line and /calls of one call have the same trace id.
    """
    recorded = Recorded()
    paths = {side: tmp_path / f"{side}.log" for side in ("client", "server")}
    greeter = Greeter("a", lab.clock)
    provider = lab.serve(
        greeter,
        name="a",
        sets=(
            *SETS,
            f"access_log.file={paths['server']}",
            f"server.protocols={wire}",
            "admin.listen=memory:provider-admin",
        ),
    )
    consumer = lab.consumer(
        *SETS,
        f"access_log.file={paths['client']}",
        f"client.protocols={wire}",
        "admin.listen=memory:admin",
    )
    client = consumer.application.client(Greeter)
    lab.run(client.say("bob"))
    greeter.error = ApplicationError(Status.NOT_FOUND, "no such name")
    with pytest.raises(CallError) as caught:
        lab.run(client.who())

    # 1. The error that the program has logged names the trace.
    (trace_id,) = re.findall(r"\(trace ([0-9a-f]{32})\)", str(caught.value))
    # 2. The tracing system has its spans, of both processes.
    spans = [each for each in recorded.spans if f"{each.context.trace_id:032x}" == trace_id]
    assert 3 == len(spans)
    # 3. A metric has it as an exemplar.
    assert ("rpcfw_client_call_seconds", trace_id) in exemplars(consumer)
    assert ("rpcfw_server_call_seconds", trace_id) in exemplars(provider)
    # 4. The page /calls finds the call by the trace, and by its number.
    (row,) = shown(lab, consumer, f"trace={trace_id}")
    assert ("client", "NOT_FOUND", "no such name") == (row["side"], row["status"], row["message"])
    number = row["number"]
    assert [row] == shown(lab, consumer, f"number={number}")
    # 5. So do the lines of the access logs.
    served_number = provider.application.runtime.plugin_context.recent_calls.all()[0].number
    lab.stop(consumer)
    lab.stop(provider)
    for side, call in ("client", number), ("server", served_number):
        lines = [json.loads(line) for line in paths[side].read_text().splitlines()]
        (line,) = [each for each in lines if each.get("trace_id") == trace_id]
        assert ("who", "NOT_FOUND", call) == (line["method"], line["status"], line["call"])
