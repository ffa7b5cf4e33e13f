"""
Wrapped calls of Apache Dubbo 3.2.16, as its consumer and provider in Java sent them to each other.

Each line of the vectors is one call: the header fields of the request, its message, the header
fields of the response and of its trailers, its message. Messages are without gRPC's prefix.
"""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from rpcfw.kernel.settings import options_of
from rpcfw.spi.events import CallEnded, RequestHead, RequestReceived, ResponseReceived
from rpcfw.spi.machine import Limits
from rpcfw.spi.served import Served
from rpcfw.spi.service_class import offered
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_hessian import Schema
from rpcfw_triple.codec import TripleCodec
from rpcfw_triple.protocol import TripleProtocol
from rpcfw_triple.wrappers import read_request, read_response, write_request, write_response
from tests.interop.dubbo_orders import Line, Node, Order, OrderService, OutOfStock, State

LINES = (Path(__file__).parents[2] / "vectors" / "triple" / "java.jsonl").read_text().splitlines()
CALLS = {call["name"]: call for call in map(json.loads, LINES)}
METHODS = {one.method.path: one.method for one in offered(OrderService)}
GENERIC = [name for name in CALLS if name.startswith("generic")]
WITH_RESULT = [name for name, call in CALLS.items() if len(call["response"]) == 2]


def protocol():
    return TripleProtocol(options_of(TripleProtocol.Options), plugin_context())


def fields(pairs):
    return encode([(name.encode(), value.encode()) for name, value in pairs])


def framed(message, flags):
    prefix = bytes(1) + len(message).to_bytes(4, "big")
    return frames.pack(frames.DATA, flags, 1, prefix + message)


def received(name):
    """
    Return a recorded request as our server decodes it.
    """
    call = CALLS[name]
    server = protocol().server(Limits(), ())
    server.serve(Served(METHODS, version="1.0.0"))
    server.start()
    block = fields(call["headers"])
    sent = frames.PREFACE + frames.settings({})
    sent += frames.pack(frames.HEADERS, frames.END_HEADERS, 1, block)
    sent += framed(bytes.fromhex(call["request"]), frames.END_STREAM)
    events = server.receive(sent)
    (event,) = [each for each in events if isinstance(each, RequestReceived)]
    return event.head.decode(event.body)


def ended(name):
    """
    Return how a recorded response ends a call of our client.
    """
    call = CALLS[name]
    client = protocol().client(Limits(), ())
    client.start()
    client.call(RequestHead("com.acme.OrderService/x", "hessian2"), b"", "", True)
    client.receive(frames.settings({}))
    *initial, trailers = call["response"]
    sent = b"".join(
        frames.pack(frames.HEADERS, frames.END_HEADERS, 1, fields(pairs)) for pairs in initial
    )
    if initial:
        sent += framed(bytes.fromhex(call["result"]), 0)
    flags = frames.END_HEADERS | frames.END_STREAM
    events = client.receive(sent + frames.pack(frames.HEADERS, flags, 1, fields(trailers)))
    (event,) = [each for each in events if isinstance(each, (ResponseReceived, CallEnded))]
    return event


def order(**changed):
    given = {"price": Decimal("12.50"), "paid": True, "labels": {"color": "red"}}
    return Order(customer="Böb 😀", **{**given, **changed})


@pytest.mark.parametrize("name", CALLS)
def test_requests(name):
    """
    They are read as Java meant them, and written with the same bytes.
    """
    body = bytes.fromhex(CALLS[name]["request"])
    request = read_request(body)

    assert body == write_request(request.types, request.arguments)
    decoded = received(name)
    codec = "tri_generic" if name in GENERIC or name == "unknown method" else "tri"
    head = decoded.head
    assert (codec, 1.5, "java-consumer") == (head.codec, head.timeout_s, head.caller)
    own = {"accept-encoding", "id"}
    names = [each for each, _ in head.metadata if each not in own]
    assert (["trace"] if name == "attachment" else []) == names


@pytest.mark.parametrize(
    ("name", "path", "arguments"),
    [
        ("say", "say", ["bob"]),
        ("overloaded", "say(int)", [7]),
        ("pojo", "get", [1 << 40]),
        ("enum", "next", [State.PAID]),
        ("map", "describe", [{"int": 1, "long": 1 << 40, "list": ["x", 2.5, True], "null": None}]),
        ("bytes", "reverse", [b"abc"]),
        ("null", "nothing", [None]),
        ("exception", "take", ["sku-1", 5]),
        ("generic", "say", ["bob"]),
    ],
)
def test_arguments(name, path, arguments):
    """
    Each is of the type of its parameter.
    """
    decoded = received(name)
    value = decoded.body.value
    given = [getattr(value, each) for each in getattr(value, "__struct_fields__", ())]

    assert f"com.acme.OrderService/{path}" == decoded.head.path
    assert arguments == (given or [value])


def test_a_pojo_in_a_request():
    """
    Each field of a POJO is read as its annotation says.
    """
    (given,) = [getattr(received("echoed").body.value, "order", None)]

    assert ("Böb 😀", State.PAID, Decimal("12.50")) == (given.customer, given.state, given.price)
    assert [Line("a", 2), Line("b", -3)] == given.lines


@pytest.mark.parametrize("name", WITH_RESULT)
def test_responses(name):
    """
    They are written with the same bytes.
    """
    body = bytes.fromhex(CALLS[name]["result"])
    java_type = body.rpartition(b"\x1a")[2][1:].decode()

    assert body == write_response(read_response(body).data, java_type)


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("say", str, "hi bob"),
        ("overloaded", str, "hi number 7"),
        ("decimal", Decimal, Decimal("-12.50")),
        ("enum", State, State.SHIPPED),
        ("bytes", bytes, b"cba"),
        ("null", str | None, None),
        ("attachment", str, "trace=t-1"),
    ],
)
def test_results(name, kind, expected):
    """
    Our client reads what the provider in Java has returned.
    """
    event = ended(name)
    coder = TripleCodec(options_of(TripleCodec.Options), plugin_context()).coder(kind)

    assert isinstance(event, ResponseReceived)
    assert expected == coder.decode(event.body)
    assert ("java" if name == "attachment" else None) == event.metadata.get("served-by")


def test_a_cycle():
    """
    Two objects that refer to each other still do.
    """
    first = Schema((Node,)).loads(read_response(ended("cycle").body).data, Node)

    assert ("first", "second") == (first.name, first.next.name)
    assert first.next.next is first


def test_an_exception():
    """
    It ends the call with its class and text, and does not count against the provider.
    """
    event = ended("exception")

    assert isinstance(event, CallEnded)
    assert Status.UNKNOWN is event.status
    assert Hint.FINAL in event.hints
    assert "com.acme.OutOfStock: 5 are too many" == event.message
    thrown = Schema((OutOfStock,)).loads(event.details)
    assert ("sku-1", 3) == (thrown.sku, thrown.left)


def test_a_failure():
    """
    What is no exception of a method is a status of gRPC.
    """
    event = ended("unknown method")

    assert Status.UNKNOWN is event.status
    assert "No such method fly in class interface com.acme.OrderService" == event.message
