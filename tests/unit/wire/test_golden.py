"""
The bytes of the specification, as they stand there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    HalfClosed,
    MessageReceived,
    PingAnswered,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import Metadata
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import client, head, server

ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors" / "native"


def vector(name: str) -> bytes:
    """
    Return the bytes of a file of hexadecimal digits with comments.
    """
    lines = (VECTORS / f"{name}.hex").read_text().split("\n")
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


def of_page(number: int) -> bytes:
    """
    Return the bytes of a code block of the page's example.
    """
    section = (ROOT / "docs" / "wire.md").read_text().split("## 8.")[1]
    return bytes.fromhex(re.findall(r"```\n(.*?)```", section, re.DOTALL)[number])


def with_call(machine):
    """
    Return the machine after it has opened call 1.
    """
    machine.call(head(), b"", "", ended=True)
    machine.take_output()
    return machine


def with_stream(machine):
    """
    Return the machine after call 1, a stream, was opened at it.
    """
    machine.receive(vector("request_stream"))
    return machine


def test_the_page_and_the_vectors_agree():
    """
    The examples of the page are the vectors that are tested.
    """
    assert vector("hello") == of_page(0)
    assert vector("request") + vector("response") == of_page(1)


def test_hello_is_taken():
    """
    The page's HELLO greets a server, whose streams then have that window.
    """
    machine = ServerMachine(Limits(), (), "")
    machine.receive(vector("hello"))
    machine.receive(vector("request_stream"))

    assert machine.send(1, bytes((1 << 20) - 17))
    assert not machine.send(1, b"")


def test_a_request_is_written():
    """
    A client's first request is the page's, byte by byte.
    """
    machine = client()
    body = b'{"name":"bob"}'
    machine.call(head(codec="json", timeout_s=3.0), body, "", ended=True)

    assert vector("request") == machine.take_output()


def test_a_request_is_read():
    """
    A server reads in the page's request what the page says.
    """
    (event,) = server().receive(vector("request"))

    assert isinstance(event, RequestReceived)
    assert (1, b'{"name":"bob"}', "", True) == (
        event.call_id,
        event.body,
        event.encoding,
        event.ended,
    )
    assert ("demo.Greeter/say", "json", 3.0) == (
        event.head.path,
        event.head.codec,
        event.head.timeout_s,
    )


def test_a_response_is_written():
    """
    A server's answer is the page's, byte by byte.
    """
    machine = server()
    machine.receive(vector("request"))
    machine.respond(1, b'"hello bob"')

    assert vector("response") == machine.take_output()


def test_a_response_is_read():
    """
    A client reads the answer in the page's response.
    """
    (event,) = with_call(client()).receive(vector("response"))

    assert isinstance(event, ResponseReceived)
    assert (1, b'"hello bob"', "") == (event.call_id, event.body, event.encoding)


def test_the_second_request_is_short():
    """
    The second call of a method says its number, not its path.
    """
    machine = client()
    for _ in range(2):
        machine.take_output()
        machine.call(head(codec="json", timeout_s=3.0), b"", "", ended=True)

    assert vector("request_again") == machine.take_output()


TRACED = Metadata((("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),))


def test_the_page_has_the_request_in_a_trace():
    """
    The bytes of section 10 are those that are tested.
    """
    section = (ROOT / "docs" / "wire.md").read_text().split("## 10.")[1]
    (text,) = re.findall(r"```\n(.*?)```", section, re.DOTALL)

    assert bytes.fromhex(text) == vector("request_traced")


def test_a_request_in_a_trace_is_written():
    """
    The place in a trace is at the end of the header, in 25 bytes.
    """
    machine = client()
    for metadata in (Metadata(), TRACED):
        machine.take_output()
        asked = head(codec="json", timeout_s=3.0, metadata=metadata)
        machine.call(asked, b"", "", ended=True)

    assert vector("request_traced") == machine.take_output()


def test_a_request_in_a_trace_is_read():
    """
    A server finds the metadata that the field stands for.
    """
    machine = server()
    machine.receive(vector("request"))
    (event,) = machine.receive(vector("request_traced"))

    assert ("demo.Greeter/say", "json", 3.0) == (
        event.head.path,
        event.head.codec,
        event.head.timeout_s,
    )
    assert TRACED == event.head.metadata


def test_everything_an_end_can_say():
    """
    A failed call's end carries status, text, hints, delay, trailers and details.
    """
    machine = server()
    machine.receive(vector("request"))
    machine.finish(
        1,
        Status.UNAVAILABLE,
        "full",
        b"\x0a\x00",
        Metadata((("a", "b"), ("c-bin", b"\xff"))),
        Hint.NOT_BEGUN | Hint.NEVER_SENT,
        1.5,
    )
    assert vector("end") == machine.take_output()

    (event,) = with_call(client()).receive(vector("end"))

    assert isinstance(event, CallEnded)
    assert (Status.UNAVAILABLE, "full", b"\x0a\x00") == (event.status, event.message, event.details)
    assert (("a", "b"), ("c-bin", b"\xff")) == event.trailers.pairs
    assert (Hint.NOT_BEGUN, 1.5) == (event.hints, event.retry_after_s)


def streaming_client(machine):
    """
    Say on call 1 all that a client can say of a stream.
    """
    machine.call(head(), None, "", ended=False)
    machine.take_output()


def say_message(machine):
    streaming_client(machine)
    machine.send(1, b"ab", "gzip")


def say_end(machine):
    streaming_client(machine)
    machine.end(1)


def say_cancel(machine):
    streaming_client(machine)
    machine.cancel(1, "too slow")


@pytest.mark.parametrize(
    ("name", "say"),
    [
        ("message", say_message),
        ("end_of_side", say_end),
        ("cancel", say_cancel),
        ("ping", lambda machine: machine.ping()),
        ("goaway", lambda machine: machine.drain("update")),
        ("failed", lambda machine: machine.fail("enough")),
    ],
)
def test_what_is_said(name, say):
    """
    Each kind of frame is written as the page has it.
    """
    machine = client()
    say(machine)

    assert vector(name) == machine.take_output()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("message", MessageReceived(1, b"ab", "gzip", 18)),
        ("end_of_side", HalfClosed(1)),
        ("cancel", CallCancelled(1, "too slow")),
        ("pong", PingAnswered()),
        ("goaway", GoAwayReceived("update")),
        ("failed", ConnectionFailed("enough", by_peer=True)),
    ],
)
def test_what_is_heard(name, expected):
    """
    Each kind of frame is read as the page has it.
    """
    assert [repr(expected)] == [repr(e) for e in with_stream(server()).receive(vector(name))]


def test_a_ping_is_answered():
    """
    A ping comes back with its body, before anything else is asked for.
    """
    machine = server()

    assert [] == machine.receive(vector("ping"))
    assert vector("pong") == machine.take_output()


def test_credit_is_granted():
    """
    What the application has taken is granted again, as one number.
    """
    machine = server(stream_window_bytes=36)
    machine.receive(vector("request_stream") + vector("message"))
    machine.consumed(1, 18)

    assert vector("credit") == machine.take_output()


def test_a_client_says_hello():
    """
    A client's HELLO says version 1 and all its limits.
    """
    machine = ClientMachine(Limits(stream_window_bytes=1 << 20), ("gzip", "zstd"), "shop")
    machine.start()

    assert vector("hello_full") == machine.take_output()
