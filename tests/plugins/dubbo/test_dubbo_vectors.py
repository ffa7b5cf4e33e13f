"""
Frames that peers in Java sent to each other, and the complete example: byte for byte.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from rpcfw.kernel.settings import options_of
from rpcfw.spi.events import (
    CallEnded,
    HandshakeCompleted,
    HeadInBody,
    RequestHead,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.arguments import Arguments
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.codec import DubboCodec
from rpcfw_hessian import JavaException, loads
from tests.plugins.dubbo.pair import client, frames_in, server, unary, vector

REQUEST = bytes.fromhex(
    "dabbc200000000000000000100000074"
    "05322e302e320a64656d6f2e48656c6c6f05312e302e3003736179"
    "124c6a6176612f6c616e672f537472696e673b03626f62"
    "4804706174680a64656d6f2e48656c6c6f09696e746572666163650a64656d6f2e48656c6c6f"
    "0776657273696f6e05312e302e300774696d656f757404313030305a"
)
REPLY = bytes.fromhex(
    "dabb02140000000000000001000000169406686920626f624805647562626f05322e302e325a"
)

SERVICE = "com.nodejs.test.TestService"


def codec():
    return DubboCodec(options_of(DubboCodec.Options), plugin_context())


def received(machine, frame):
    """
    Return the one request in a frame, decoded.
    """
    *before, event = machine.receive(frame)
    assert all(isinstance(each, HandshakeCompleted) for each in before)
    assert isinstance(event, RequestReceived)
    assert isinstance(event.head, HeadInBody)
    return event.call_id, event.head.decode(event.body)


def test_the_complete_example():
    """
    The request is understood in all its parts, and the reply has the same bytes.
    """
    machine = server(unary("demo.Hello/say"), version="1.0.0")
    call_id, decoded = received(machine, REQUEST)
    head = decoded.head
    assert ("demo.Hello/say", 1.0, EMPTY) == (head.path, head.timeout_s, head.metadata)
    assert decoded.body.value == "bob"

    machine.respond(call_id, codec().coder(str).encode("hi bob"))
    assert machine.take_output() == REPLY


def test_the_example_of_a_consumer():
    """
    Our consumer sends the same body, and reads the reply.
    """
    machine = client(version="1.0.0")
    method = unary("demo.Hello/say")
    body = codec().request_coder(method).encode("bob")
    call_id = machine.call(RequestHead(method.path, "dubbo", 1.0), body, "", ended=True)
    ((flags, status, wire_id, sent),) = frames_in(machine.take_output())
    assert (0xC2, 0) == (flags, status)
    # The attachments are a map, so their order has no meaning.
    size = len(REQUEST) - REQUEST.index(b"\x48\x04path")
    assert REQUEST[16:-size] == sent[:-size]
    assert loads(REQUEST[-size:]) == loads(sent[-size:])

    (event,) = machine.receive(REPLY[:4] + wire_id.to_bytes(8, "big") + REPLY[12:])
    assert isinstance(event, ResponseReceived)
    assert (call_id, EMPTY) == (event.call_id, event.metadata)
    assert codec().coder(str).decode(event.body) == "hi bob"


class Pair(Arguments):
    """
    Arguments of a method with two.
    """

    first: int
    second: int


ECHOES = [
    ("bool_false", bool),
    ("date", datetime),
    ("double", float),
    ("emoji", str),
    ("empty_string", str),
    ("list", list[Any]),
    ("long", int),
    ("map", dict[str, Any]),
    ("null", str | None),
    ("string", str),
]


@pytest.mark.parametrize(("name", "kind"), ECHOES)
def test_echoes(name, kind):
    """
    The argument of a consumer in Java, sent back, makes the reply of a provider in Java.
    """
    asked, answered = vector(f"java_echo_{name}")
    method = unary(f"{SERVICE}/echo", kind, kind)
    machine = server(method, version="1.0.0")
    call_id, decoded = received(machine, asked)
    assert decoded.head.timeout_s == 3.0

    machine.respond(call_id, codec().coder(kind).encode(decoded.body.value))
    assert machine.take_output() == answered


@pytest.mark.parametrize(
    ("name", "path", "result"),
    [("plus_int", "plus", 3), ("result_zero", "plus", 0), ("attachments", "plus", 3)],
)
def test_two_arguments(name, path, result):
    """
    Primitive arguments, attachments of the consumer, and a result of 0.
    """
    asked, answered = vector(f"java_{name}")
    method = unary(f"{SERVICE}/{path}", Pair, int)
    machine = server(method, version="1.0.0")
    call_id, decoded = received(machine, asked)
    pair = decoded.body.value
    assert pair.first + pair.second == result
    if name == "attachments":
        assert Metadata((("k", "v"),)) == decoded.head.metadata

    machine.respond(call_id, codec().coder(int).encode(result))
    assert machine.take_output() == answered


def test_dollar_echo():
    """
    ``$echo`` is answered by the protocol itself, with the reply of a provider in Java.
    """
    asked, answered = vector("java_dollar_echo")
    machine = server(unary(f"{SERVICE}/plus"), version="1.0.0")
    call_id, decoded = received(machine, asked)
    assert decoded.response is not None

    machine.respond(call_id, decoded.response)
    assert machine.take_output() == answered


def test_a_java_exception():
    """
    The exception of a provider in Java arrives with class, text and stack.
    """
    _, answered = vector("java_error_business")
    machine = client()
    machine.call(RequestHead(f"{SERVICE}/fail", "dubbo"), b"\x00", "", ended=True)
    ((_, _, wire_id, _),) = frames_in(machine.take_output())
    (event,) = machine.receive(answered[:4] + wire_id.to_bytes(8, "big") + answered[12:])
    assert isinstance(event, CallEnded)
    assert (Status.UNKNOWN, Hint.FINAL) == (event.status, event.hints)
    assert event.message == "java.lang.IllegalStateException: boom z"

    thrown = loads(event.details)
    assert isinstance(thrown, JavaException)
    assert ("java.lang.IllegalStateException", "boom z") == (thrown.java_class, thrown.message)
    assert str(thrown.stack_trace[0]).startswith("at DubboPeer$Impl.fail(DubboPeer.java:")


def test_a_short_timeout():
    """
    The time that a consumer waits is known at the provider.
    """
    (asked,) = vector("java_timeout")
    slow = Method(SERVICE, "slow", Shape.UNARY, int, str, "dubbo")
    _, decoded = received(server(slow, version="1.0.0"), asked)

    assert decoded.head.timeout_s == 0.3
