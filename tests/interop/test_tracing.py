"""
Traces with others: a receiver of OTLP, and gRPC peers that OpenTelemetry instruments.
"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.grpc import client_interceptor, server_interceptor
from opentelemetry.instrumentation.grpc.grpcext import intercept_channel
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from tests.interop.otlp_receiver import OTLPReceiver
from tests.real.commands import Module, address_in, environment

LIMIT_S = 60


@pytest.fixture
def receiver():
    """
    Where all spans go.
    """
    with OTLPReceiver() as receiver:
        yield receiver


@pytest.fixture
def provider(receiver):
    """
    The SDK of a peer that is not ours.
    """
    provider = TracerProvider(resource=Resource({"service.name": "grpcio"}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(receiver.url)))
    yield provider
    provider.shutdown()


def run(module, *arguments):
    """
    Run a module of the tests to its end, and return what it prints.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize("reactor", ["epoll", "asyncio"])
def test_three_wires_and_a_retry(receiver, reactor):
    """
    A collector gets the whole tree of a call over the native wire, gRPC and Dubbo.
    """
    assert "item 7\n" == run("tests.interop.traced_chain", receiver.url, reactor)

    assert [
        "buyer: CLIENT demo.Front/get OK",
        "  buyer: CLIENT demo.Front/get attempt 1 OK",
        "    front: SERVER demo.Front/get OK",
        "      front: CLIENT demo.Middle/get OK",
        "        front: CLIENT demo.Middle/get attempt 1 OK",
        "          middle: SERVER demo.Middle/get OK",
        "            middle: CLIENT demo.Back/get OK",
        "              middle: CLIENT demo.Back/get attempt 1 UNAVAILABLE",
        "                back: SERVER demo.Back/get UNAVAILABLE",
        "              middle: CLIENT demo.Back/get attempt 2 OK",
        "                back: SERVER demo.Back/get OK",
    ] == receiver.tree(11)
    spans = receiver.wait_for(11)
    assert 1 == len({each.span.trace_id for each in spans})
    systems = {
        each.attributes["rpc.system.name"].string_value
        for each in spans
        if "rpcfw.attempt.number" in each.attributes
    }
    assert {"rpcfw", "grpc", "dubbo"} == systems


def test_a_client_of_grpcio(receiver, provider, shop_folder):
    """
    A client of grpcio that OpenTelemetry instruments, and our server: one trace.
    """
    import shop_pb2
    import shop_pb2_grpc

    sets = (
        "server.listen=tcp:127.0.0.1:0",
        "app.name=shop",
        "tracing.plugin=otel",
        "tracing.exporter=otlp",
        "tracing.export_interval=50ms",
        f"tracing.endpoint={receiver.url}",
    )
    with Module("tests.interop.shop_server", shop_folder, *sets) as running:
        channel = intercept_channel(
            grpc.insecure_channel(address_in(running.line())), client_interceptor(provider)
        )
        stub = shop_pb2_grpc.ShopStub(channel)
        assert "hello" == stub.Echo(shop_pb2.Note(text="hello"), timeout=LIMIT_S).text

        assert ["grpcio: CLIENT /shop.Shop/Echo", "  shop: SERVER shop.Shop/Echo OK"] == (
            receiver.tree(2)
        )
        channel.close()


def test_a_server_of_grpcio(receiver, provider, shop_folder):
    """
    Our client, and a server of grpcio that OpenTelemetry instruments: one trace.
    """
    import shop_pb2_grpc

    class Shop(shop_pb2_grpc.ShopServicer):
        def Echo(self, note, context):  # noqa: N802 - a generated name
            return note

    server = grpc.server(ThreadPoolExecutor(2), interceptors=[server_interceptor(provider)])
    shop_pb2_grpc.add_ShopServicer_to_server(Shop(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        target = f"127.0.0.1:{port}"
        said = run("tests.interop.traced_client", shop_folder, target, receiver.url)
    finally:
        server.stop(None).wait()

    assert "hello\n" == said
    assert [
        "buyer: CLIENT shop.Shop/Echo OK",
        "  buyer: CLIENT shop.Shop/Echo attempt 1 OK",
        "    grpcio: SERVER /shop.Shop/Echo",
    ] == receiver.tree(3)
