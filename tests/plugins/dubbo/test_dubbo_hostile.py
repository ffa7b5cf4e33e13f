"""
Bodies of requests that are made to do harm: each ends its call with a reason, and no more.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from rpcfw.errors import CallError
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw_dubbo.descriptors import GENERIC
from rpcfw_dubbo.frames import ReplyStatus
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_dubbo.reply_decoder import read_reply
from rpcfw_dubbo.request_decoder import RequestDecoder
from rpcfw_hessian import JavaException, JavaObject, Limits, Schema, dumps
from rpcfw_hessian.text import encode_string
from tests.plugins.dubbo.pair import unary

SAY = unary("demo.Hello/say", Any)
HEAD = b"".join(map(encode_string, ("2.0.2", "demo.Hello", "", "say", "Ljava/lang/Object;")))
ATTACHMENTS = b"HZ"
FRAME = "java.lang.StackTraceElement"
#: Larger than any of the bodies below may take when it is decoded.
MEMORY = 64 << 20


def decoder(**limits: Any) -> RequestDecoder:
    table = ParameterTable(lambda: Schema(limits=Limits(**limits)))
    made = RequestDecoder(table, max_header_bytes=4096)
    made.serve(Served({SAY.path: SAY}))
    return made


def refused(body: bytes, **limits: Any) -> CallError:
    """
    Return why a body is refused.
    """
    with pytest.raises(CallError) as raised:
        decoder(**limits).decode(body, one_way=False)
    assert raised.value.hints & Hint.NOT_BEGUN
    return raised.value


def bomb(depth: int) -> bytes:
    """
    Return a list of two lists, each with twice the one before it: 2 to the depth, if copied.
    """
    data = b"\x78"
    for number in range(depth):
        data += b"\x7a" + (b"Q" + bytes((0x91 + number,))) * 2
    return b"\x58" + dumps(depth + 1) + data


@pytest.mark.parametrize(
    ("argument", "text"),
    [
        pytest.param(b"\x58\x49\x7f\xff\xff\xff", "values in", id="a list of 2 thousand million"),
        pytest.param(b"V\x04list\x49\x7f\xff\xff\xff", "values in", id="a typed one"),
        pytest.param(b"S\xff\xffshort", "65535 characters", id="a string that ends early"),
        pytest.param(b"R\x80\x00" * 10, "end of the message", id="chunks without an end"),
        pytest.param(b"B\xff\xffshort", "end of the message", id="bytes that end early"),
        pytest.param(b"\x79" * 100_000, "inside each other", id="lists in lists"),
        pytest.param(b"H\x01k" * 50_000, "inside each other", id="maps in maps"),
        pytest.param(b"C\x05Class\x49\x7f\xff\xff\xff", "values in", id="a class of many fields"),
        pytest.param(b"C\x01c\x90" * 5000 + b"\x60", "classes", id="many classes"),
        pytest.param(b"Q\x95", "reference", id="a reference to nothing"),
        pytest.param(b"\x6f", "class", id="an instance of no class"),
        pytest.param(b"\x58\xd7\xff\xff" + b"\x78" * 262_143, "more", id="too many lists"),
    ],
)
def test_hostile_arguments(argument, text):
    """
    What is announced and does not come, and what is nested or repeated, takes little memory.
    """
    tracemalloc.start()
    try:
        error = refused(HEAD + argument + ATTACHMENTS)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()

    assert Status.INVALID_ARGUMENT is error.status
    assert text in error.message
    assert len(error.message) < 500


def test_a_reference_bomb():
    """
    Lists that refer to each other stay as many as came.
    """
    decoded = decoder().decode(HEAD + bomb(15) + ATTACHMENTS, one_way=False)
    lists = decoded.body.value

    assert len(lists) == 16
    assert lists[15][0] is lists[15][1] is lists[14]


@pytest.mark.parametrize(
    "argument", [b"C\x08evil.One\x90\x60", b"M\x08evil.OneZ", b"\x70\x08evil.One"]
)
def test_classes_that_may_not_come(argument):
    """
    A class outside of the list is refused, as an object, as a map and as a list.
    """
    error = refused(HEAD + argument + ATTACHMENTS, classes=("com.acme.*", "java.*"))

    assert Status.INVALID_ARGUMENT is error.status
    assert "'evil.One'" in error.message
    assert "com.acme.*, java.*" in error.message


def test_unknown_classes_are_harmless():
    """
    Without a list, an unknown class is an object with its name, and nothing is imported or run.
    """
    decoded = decoder().decode(HEAD + b"C\x09os.system\x90\x60" + ATTACHMENTS, one_way=False)

    assert decoded.body.value.java_class == "os.system"


def test_large_attachments():
    """
    Attachments over the limit of headers are refused, with the option's name.
    """
    attachments = b"H" + b"".join(
        encode_string(f"k{n}") + encode_string("v" * 90) for n in range(99)
    )
    error = refused(HEAD + b"N" + attachments + b"Z")

    assert Status.RESOURCE_EXHAUSTED is error.status
    assert "max_header_bytes of 4096" in error.message


def test_attachments_of_many_kinds():
    """
    What has no place in metadata is left out, and the call is served.
    """
    values = {
        "Trace-Id": "t",
        "user": "Böb",
        "count": 5,
        "vip": True,
        "data": b"\x00",
        "object": [1],
        "spaced name": "x",
        7: "x",
        "timeout": "soon",
        "path": "demo.Hello",
    }
    decoded = decoder().decode(HEAD + b"N" + dumps(values), one_way=False)

    assert decoded.head.timeout_s is None
    assert decoded.head.metadata.pairs == (
        ("trace-id", "t"),
        ("user-bin", "Böb".encode()),
        ("count", "5"),
        ("vip", "true"),
        ("data-bin", b"\x00"),
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x05",
        b"N",
        encode_string("2.0.2"),
        encode_string("2.0.2") + encode_string("x" * 5000) + b"N" + encode_string("say") + b"\x00",
        HEAD,
        HEAD + b"N",
        HEAD + b"N" + b"\x91",
        b"".join(map(encode_string, ("2.0.2", "demo.Hello", "", "say", "no descriptor"))) + b"NHZ",
    ],
)
def test_heads_that_make_no_sense(body):
    """
    A head that ends early, is too long, or has something else in it is refused.
    """
    error = refused(body)

    assert error.status in (Status.INVALID_ARGUMENT, Status.RESOURCE_EXHAUSTED)


def test_the_arguments_of_what_is_not_served_are_not_read():
    """
    A method that is not there is found out before its arguments are read.
    """
    head = b"".join(map(encode_string, ("2.0.2", "demo.Hello", "", "fly", "Ljava/lang/Object;")))
    decoded = decoder().decode(head + b"\x79" * 100_000, one_way=False)

    assert decoded.head.path == "demo.Hello/fly"
    assert decoded.body == b""


@pytest.mark.parametrize(
    "names", [("x" * 5000, []), ("say", ["int"] * 2000), ("say", ["x" * 5000])]
)
def test_large_names_in_a_generic_call(names):
    """
    The names in ``$invoke`` have the limit of headers, as others have: they are in logs and errors.
    """
    head = b"".join(map(encode_string, ("2.0.2", "demo.Hello", "", "$invoke", GENERIC)))
    error = refused(head + dumps(names[0]) + dumps(names[1]) + b"\x78" + ATTACHMENTS)

    assert Status.RESOURCE_EXHAUSTED is error.status
    assert "max_header_bytes of 4096" in error.message


def doubled(depth: int) -> list[Any]:
    """
    Return a list that is two to the depth items if it is written out.
    """
    made: list[Any] = []
    for _ in range(depth):
        made = [made, made]
    return made


#: Values that are small on the wire, and that Python would write out for ever, or refuses to.
ENDLESS = [pytest.param(doubled(60), id="a bomb"), pytest.param(10**5000, id="a number")]


@pytest.mark.parametrize("value", ENDLESS)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param(dumps, id="a flag"),
        pytest.param(lambda value: b"\x90" + dumps(value), id="an exception"),
        pytest.param(lambda value: b"\x94\x91" + dumps({"x": value}), id="an attachment"),
        pytest.param(
            lambda value: b"\x91" + dumps(JavaObject(FRAME, {"declaringClass": value})),
            id="a line of a stack trace",
        ),
    ],
)
def test_replies_are_not_written_out(body, value):
    """
    A value in the place of another one ends the call, and never becomes a text.
    """
    assert 1 == read_reply(1, ReplyStatus.OK, body(value), Schema(), 4096).call_id


@pytest.mark.parametrize(
    ("status", "value"),
    [(ReplyStatus.OK, b"\x94\x91"), (ReplyStatus.OK, b"\x95"), (60, b"\x02no")],
)
def test_large_attachments_of_replies(status, value):
    """
    Attachments of a reply over the limit of headers end the call, with the option's name.
    """
    attachments = dumps({f"k{n}": "v" * 90 for n in range(99)})
    ended = read_reply(1, status, value + attachments, Schema(), 4096)

    assert Status.RESOURCE_EXHAUSTED is ended.status
    assert "max_header_bytes of 4096" in ended.message


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (ReplyStatus.SERVICE_ERROR, dumps("x" * 1_000_000)),
        (
            ReplyStatus.OK,
            b"\x90" + dumps(JavaException("com.acme.Broken", "x" * 1_000_000)),
        ),
    ],
)
def test_long_texts_of_failures(status, body):
    """
    What a provider says is cut: it becomes a text in errors and logs.
    """
    ended = read_reply(1, status, body, Schema(), 4096)

    assert 1000 < len(ended.message) <= 16 << 10


@pytest.mark.parametrize("value", ENDLESS)
def test_attachments_are_not_written_out(value):
    """
    What would be an endless text has no place in metadata.
    """
    attachments = dumps({"x": value, "y": "a"})
    decoded = decoder().decode(HEAD + b"N" + attachments, one_way=False)

    assert decoded.head.metadata.pairs == (("y", "a"),)
