"""
What a whole process counts, read as exporters read it.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw import ApplicationError, CallError, Hint, Status
from rpcfw.spi.runtime.histogram import Exemplar
from rpcfw.spi.runtime.readings import read
from rpcfw.values.method import Method, Shape
from tests.lab.services import Greeter
from tests.spans import Recorded


def values(process: Any, name: str) -> dict[tuple[str, ...], float]:
    """
    Return the numbers of one metric by the values of its labels.
    """
    (reading,) = (
        one for one in read(process.application.runtime.plugin_context.meter) if one.name == name
    )
    return dict(reading.values)


def exemplars(process: Any, name: str) -> list[Exemplar]:
    """
    Return the exemplars of all series of one histogram.
    """
    readings = read(process.application.runtime.plugin_context.meter)
    series = [one for reading in readings if reading.name == name for _, one in reading.histograms]
    return [kept for one in series for kept in (one.exemplars or {}).values()]


def test_connections(lab) -> None:
    """
    Both sides show the connections that are open, and count how they came and went.
    """
    server = lab.serve(Greeter("a", lab.clock))
    consumer = lab.consumer()
    lab.run(consumer.application.client(Greeter).say("bob"))

    assert {("demo.Greeter",): 1} == values(consumer, "rpcfw_client_instances")
    assert {("demo.Greeter",): 1} == values(consumer, "rpcfw_client_connections")
    assert {("native",): 1} == values(server, "rpcfw_server_connections")
    assert {(): 1} == values(server, "rpcfw_server_connections_accepted_total")
    assert 1 == values(consumer, "rpcfw_client_connects_total")["connected",]
    lab.stop(server)
    assert {} == values(server, "rpcfw_server_connections")
    assert {(): 1} == values(consumer, "rpcfw_client_connections_ended_total")


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo"])
def test_bytes_of_connections(lab, wire) -> None:
    """
    What one side has sent, the other one has received; closed connections count as well.
    """
    server = lab.serve(Greeter("a", lab.clock), sets=(f"server.protocols={wire}",))
    consumer = lab.consumer(f"client.protocols={wire}")
    lab.run(consumer.application.client(Greeter).say("b" * 20_000))
    lab.stop(consumer)
    lab.stop(server)

    (to_server,) = values(consumer, "rpcfw_client_sent_bytes_total").items()
    (to_client,) = values(consumer, "rpcfw_client_received_bytes_total").items()
    assert dict([to_server]) == values(server, "rpcfw_server_received_bytes_total")
    assert dict([to_client]) == values(server, "rpcfw_server_sent_bytes_total")
    assert (wire,) == to_server[0]
    assert 20_000 < to_server[1] < 25_000
    assert 20_000 < to_client[1] < 25_000


def test_made_up_names_make_no_series(lab) -> None:
    """
    A caller that makes up a thousand names of services and methods makes no series at the server.
    """
    server = lab.serve(Greeter("a", lab.clock))
    consumer = lab.consumer()
    channel = consumer.application.channel("demo.Greeter")

    def series() -> int:
        meter = server.application.runtime.plugin_context.meter
        return sum(len(one.values) + len(one.histograms) for one in read(meter))

    def call(number: int) -> None:
        method = Method("demo.Greeter", f"made_up_{number}", Shape.UNARY, Any, Any, "json")
        with pytest.raises(CallError):
            lab.run(channel.call(method, {}))

    call(0)
    before = series()
    for number in range(1, 1000):
        call(number)
    assert before == series()
    assert 1000 <= values(server, "rpcfw_server_requests_not_served_total")[()]


def test_retries(lab) -> None:
    """
    Each attempt that follows a failed one is counted, by the status of that one.
    """
    bad, good = Greeter("a", lab.clock), Greeter("b", lab.clock)
    bad.error = ApplicationError(Status.UNAVAILABLE, "no", hints=Hint.SAFE_TO_REPEAT)
    lab.serve(bad)
    lab.serve(good)
    consumer = lab.consumer("retry.max_attempts=7")
    client = consumer.application.client(Greeter)
    for _ in range(20):
        lab.run(client.who())

    assert bad.begun
    retries = {("demo.Greeter", "who", "UNAVAILABLE"): len(bad.begun)}
    assert retries == values(consumer, "rpcfw_client_retries_total")


@pytest.mark.parametrize("fails", [False, True])
def test_a_metric_leads_to_a_trace(lab, fails: bool) -> None:
    """
    The exemplar of a recorded call, at both sides, has the trace that its spans are in.
    """
    recorded = Recorded()
    service = Greeter("a", lab.clock)
    service.error = ApplicationError(Status.ABORTED, "no") if fails else None
    sets = ("tracing.plugin=otel",)
    server, consumer = lab.serve(service, sets=sets), lab.consumer(*sets)
    calling = consumer.application.client(Greeter).who()
    if fails:
        with pytest.raises(CallError):
            lab.run(calling)
    else:
        lab.run(calling)

    (trace_id,) = {f"{span.context.trace_id:032x}" for span in recorded.spans}
    spans = {f"{span.context.span_id:016x}" for span in recorded.spans}
    for process, side in ((server, "server"), (consumer, "client")):
        (kept,) = exemplars(process, f"rpcfw_{side}_call_seconds")
        assert trace_id == kept.trace_id
        assert kept.span_id in spans


def test_no_exemplar_of_what_is_not_recorded(lab) -> None:
    """
    A call whose trace is not recorded leaves none: its ids would lead nowhere.
    """
    sets = ("tracing.plugin=otel", "tracing.sample=0%")
    server, consumer = lab.serve(Greeter("a", lab.clock), sets=sets), lab.consumer(*sets)
    lab.run(consumer.application.client(Greeter).say("bob"))
    assert [] == exemplars(server, "rpcfw_server_call_seconds")
    assert [] == exemplars(consumer, "rpcfw_client_call_seconds")
