"""
Calls of Java methods between two machines: requests, results, exceptions, attachments.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.errors import CallError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.events import (
    CallEnded,
    GoAwayReceived,
    HeadInBody,
    RequestHead,
    RequestReceived,
    ResponseReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method, Shape
from rpcfw_dubbo.throwables import write_throwable
from rpcfw_hessian import dumps
from rpcfw_triple.codec import TripleCodec
from rpcfw_triple.protocol import TripleProtocol
from rpcfw_triple.wrapped_requests import GENERIC_TYPES
from rpcfw_triple.wrappers import read_response, write_request, write_response


def unary(name, request_type=str):
    return Method("demo.Hello", name, Shape.UNARY, request_type, str, "json")


SAY, SAY_INT = unary("say"), unary("say(int)", int)
ONLY = unary("only(int)", int)
IDL = Method("demo.Hello", "idl", Shape.UNARY, Any, Any, "protobuf")
METHODS = {method.path: method for method in (SAY, SAY_INT, ONLY, IDL)}
BODY = write_request(["java.lang.String"], [dumps("bob")])


class Pair:
    """
    A client and a server that are connected.
    """

    def __init__(self, *, asks="", serves="", window=1 << 20, **options):
        context = plugin_context()
        protocol = TripleProtocol(
            options_of(TripleProtocol.Options, version=asks, **options), context
        )
        limits = Limits(stream_window_bytes=window)
        self.client = protocol.client(limits, ())
        self.server = protocol.server(limits, ())
        self.server.serve(Served(METHODS, version=serves))
        self.client.start()
        self.server.start()
        self.move()

    def move(self, piece=1 << 30):
        """
        Carry bytes until there are none; return the events at the server and at the client.
        """
        found = [], []
        while True:
            sent = [machine.take_output() for machine in (self.client, self.server)]
            if not any(sent):
                return found
            receivers = self.server, self.client
            for data, receiver, events in zip(sent, receivers, found, strict=True):
                for start in range(0, len(data), piece):
                    events.extend(receiver.receive(data[start : start + piece]))

    def request(self, path="demo.Hello/say", body=BODY, metadata=EMPTY, piece=1 << 30):
        """
        Make a call; return the event at the server.
        """
        self.client.call(RequestHead(path, "json", 2.0, metadata), body, "", True)
        events, _ = self.move(piece)
        return next(event for event in events if isinstance(event, RequestReceived))

    def ended(self, piece=1 << 30):
        """
        Return how the call ended at the client.
        """
        _, events = self.move(piece)
        (event,) = [e for e in events if isinstance(e, (ResponseReceived, CallEnded))]
        return event


def decoded(event):
    assert isinstance(event.head, HeadInBody)
    return event.head.decode(event.body)


@pytest.mark.parametrize("piece", [1, 7, 1 << 30])
@pytest.mark.parametrize("size", [3, 100_000])
def test_a_call(piece, size):
    """
    A request is one event, and so is its response, in whatever pieces the bytes come.
    """
    pair, name = Pair(window=1 << 16), "x" * size
    body = write_request(["java.lang.String"], [dumps(name)])
    event = pair.request(body=body, piece=piece)
    request = decoded(event)
    answer = write_response(dumps(name), "java.lang.String")
    pair.server.respond(event.call_id, answer, "", Metadata.of({"a": "b"}), EMPTY)
    response = pair.ended(piece)

    assert ("demo.Hello/say", "tri", name) == (
        request.head.path,
        request.head.codec,
        request.body.value,
    )
    assert request.head.timeout_s == 2.0
    assert ["user-agent"] == [name for name, _ in request.head.metadata]
    assert answer == response.body
    assert (("a", "b"),) == response.metadata.pairs
    assert 0 == pair.server.held_bytes == pair.client.held_bytes
    assert 0 == pair.server.open_calls == pair.client.open_calls


def test_a_protobuf_method():
    """
    The requests of a method with Protobuf messages are not looked into.
    """
    pair = Pair()
    pair.client.call(RequestHead("demo.Hello/idl", "protobuf"), b"any bytes", "", True)
    events, _ = pair.move()
    (event,) = [event for event in events if isinstance(event, RequestReceived)]

    assert ("protobuf", b"any bytes") == (event.head.codec, event.body)


@pytest.mark.parametrize(
    ("path", "java_type", "expected"),
    [
        ("demo.Hello/say", "int", "demo.Hello/say(int)"),
        ("demo.Hello/say(int)", "int", "demo.Hello/say(int)"),
        ("demo.Hello/only", "int", "demo.Hello/only(int)"),
    ],
)
def test_overloaded_methods(path, java_type, expected):
    """
    The Java types in the body choose the method.
    """
    event = Pair().request(path, write_request([java_type], [dumps(7)]))
    request = decoded(event)

    assert (expected, 7) == (request.head.path, request.body.value)


@pytest.mark.parametrize("piece", [1, 1 << 30])
def test_an_exception(piece):
    """
    An exception with a Java class is a response at the wire, and the end of the call here.
    """
    pair = Pair()
    details = write_throwable("com.acme.OutOfStock", "none left")
    event = pair.request()
    trailers = Metadata.of({"last": "word"})
    pair.server.start_response(event.call_id, Metadata.of({"first": "word"}))
    pair.server.finish(event.call_id, Status.UNKNOWN, "none left", details, trailers)
    end = pair.ended(piece)

    assert Status.UNKNOWN is end.status
    assert "com.acme.OutOfStock: none left" == end.message
    assert details == end.details
    assert (("first", "word"), ("last", "word")) == end.metadata.pairs


@pytest.mark.parametrize("body", [b"", b"\x0a\x08hessian4\x12\x01Q", b"\x0a\x09fastjson2\x12\x01N"])
def test_an_exception_that_cannot_be_read(body):
    """
    It ends its call with a reason, and the connection goes on.
    """
    pair = Pair()
    event = pair.request()
    super(type(pair.server), pair.server).respond(
        event.call_id, body, "", Metadata.of({"tri-exception-code": "3"}), EMPTY
    )
    end = pair.ended()

    assert Status.INTERNAL is end.status
    assert "cannot be read" in end.message
    assert decoded(pair.request()).body.value == "bob"


def test_other_failures():
    """
    A failure without a Java exception is a status of gRPC.
    """
    pair = Pair()
    event = pair.request()
    trailers = Metadata.of({"tri-x": "y", "a": "b"})
    super(type(pair.server), pair.server).finish(
        event.call_id, Status.NOT_FOUND, "no such thing", trailers=trailers
    )
    end = pair.ended()

    assert (Status.NOT_FOUND, "no such thing") == (end.status, end.message)
    assert (("a", "b"),) == end.trailers.pairs


@pytest.mark.parametrize(
    ("asks", "serves", "is_served"),
    [("", "1.0.0", True), ("1.0.0", "1.0.0", True), ("2.0", "1.0.0", False), ("1.0", "", False)],
)
def test_versions(asks, serves, is_served):
    """
    Another version than the one that is served is refused; none is any.
    """
    pair = Pair(asks=asks, serves=serves)
    pair.client.call(RequestHead("demo.Hello/say", "json"), BODY, "", True)
    at_server, at_client = pair.move()

    assert is_served == any(isinstance(event, RequestReceived) for event in at_server)
    if not is_served:
        (end,) = [event for event in at_client if isinstance(event, CallEnded)]
        assert Status.UNIMPLEMENTED is end.status
        assert Hint.NOT_BEGUN in end.hints
        assert f"was called in version {asks}" in end.message


def test_a_group_in_metadata():
    """
    Metadata named group replaces that of the configuration; the wrong group is refused.
    """
    pair = Pair(group="")
    head = RequestHead("demo.Hello/say", "json", None, Metadata.of({"group": "red"}))
    pair.client.call(head, BODY, "", True)
    end = pair.ended()

    assert "in the group '', and was called in 'red'" in end.message
    assert Hint.NOT_BEGUN in end.hints


def test_names_that_a_peer_invents():
    """
    Header fields of Triple are not metadata, and metadata cannot become such fields.
    """
    pair = Pair(asks="1.0.0", serves="1.0.0")
    invented = {"tri-service-version": "9", "tri-exception-code": "3", "tri-x": "y", "a": "b"}
    event = pair.request(metadata=Metadata.of({**invented, "timeout": "7", "generic": "true"}))
    answer = write_response(dumps("x"), "java.lang.String")
    pair.server.respond(event.call_id, answer, "", Metadata.of(invented), Metadata.of(invented))
    response = pair.ended()

    assert ["a", "user-agent"] == sorted(name for name, _ in event.head.metadata)
    assert isinstance(response, ResponseReceived)
    assert (("a", "b"), ("a", "b")) == response.metadata.pairs


def test_fields_of_a_response_of_others():
    """
    The exception code 0 is that of a result; fields of Triple are no attachments.
    """
    pair = Pair()
    event = pair.request()
    body = write_response(dumps("x"), "java.lang.String")
    fields = Metadata.of({"tri-exception-code": "0", "tri-header-convert": "{}", "a": "b"})
    super(type(pair.server), pair.server).respond(event.call_id, body, "", fields, EMPTY)
    response = pair.ended()

    assert isinstance(response, ResponseReceived)
    assert (("a", "b"),) == response.metadata.pairs


def test_attachments():
    """
    Bytes arrive as bytes; names that belong to HTTP/2 or gRPC are not sent, and harm nothing.
    """
    pair = Pair()
    given = Metadata.of(
        {"a-bin": "Bö".encode(), "te": "x", "content-type": "x", "connection": "x", "host": "x"}
    )
    event = pair.request(metadata=given)
    answer = write_response(dumps("x"), "java.lang.String")
    pair.server.respond(event.call_id, answer, "", given, given)
    response = pair.ended()

    assert ("a-bin", "Bö".encode()) in event.head.metadata.pairs
    assert (("a-bin", "Bö".encode()),) * 2 == response.metadata.pairs


def test_both_kinds_on_one_connection():
    """
    Wrapped calls and those of gRPC go side by side, in one batch of bytes.
    """
    pair = Pair()
    for _ in range(2):
        pair.client.call(RequestHead("demo.Hello/say", "json"), BODY, "", True)
        pair.client.call(RequestHead("demo.Hello/idl", "protobuf"), b"idl", "", True)
    at_server, _ = pair.move()
    requests = [event for event in at_server if isinstance(event, RequestReceived)]
    answer, metadata = write_response(dumps("x"), "java.lang.String"), Metadata.of({"a": "b"})
    for event in requests:
        wrapped = isinstance(event.head, HeadInBody)
        pair.server.respond(event.call_id, answer if wrapped else b"idl", "", metadata, EMPTY)
    _, at_client = pair.move()
    responses = [event for event in at_client if isinstance(event, ResponseReceived)]

    assert [BODY, b"idl"] * 2 == [event.body for event in requests]
    assert [answer, b"idl"] * 2 == [event.body for event in responses]
    assert [(("a", "b"),)] * 4 == [event.metadata.pairs for event in responses]


def test_calls_that_a_server_refuses_as_it_goes_away():
    """
    Nothing is kept of them: a client whose calls are refused does not grow.
    """
    pair = Pair()
    call_id = pair.client.call(RequestHead("demo.Hello/say", "json"), BODY, "", True)
    pair.client.take_output()
    pair.server.drain("bye")
    _, events = pair.move()

    refused = [event.refused for event in events if isinstance(event, GoAwayReceived)]

    assert [(), (call_id,)] == refused
    assert {} == pair.client._wrapped  # noqa: SLF001  # nothing else shows it


def test_echo():
    """
    ``$echo`` is answered with its argument.
    """
    body = write_request(["java.lang.Object"], [dumps([1, "two"])])
    request = decoded(Pair().request("demo.Hello/$echo", body))

    assert dumps([1, "two"]) == read_response(request.response).data


def test_a_generic_call():
    """
    ``$invoke`` calls a method by its name, whose arguments are in a list.
    """
    coder = TripleCodec(options_of(TripleCodec.Options), plugin_context()).request_coder(
        unary("say", Any)
    )
    event = Pair().request("demo.Hello/say", coder.encode(["bob"]))
    request = decoded(event)

    assert ("demo.Hello/say", "tri_generic", "bob") == (
        request.head.path,
        request.head.codec,
        request.body.value,
    )


@pytest.mark.parametrize(
    ("types", "arguments", "text"),
    [
        (["java.lang.String"], [b"\x06short"], "cannot be decoded"),
        (["java.lang.String"], [dumps("x") + b"N"], "cannot be decoded"),
        (["java.lang.String"], [b"C\x08evil.One\x90\x60"], "evil.One"),
        (["["], [dumps("x")], "no descriptor"),
        ([], [], "takes 1 arguments, got 0"),
        (["int", "int"], [b"\x90"] * 2, "takes 1 arguments, got 2"),
    ],
)
def test_requests_that_cannot_be_decoded(types, arguments, text):
    """
    Each ends its call with a reason, and no method has begun.
    """
    event = Pair(allowed_classes="com.acme.*").request(body=write_request(types, arguments))
    with pytest.raises(CallError, match=text) as raised:
        decoded(event)

    assert Status.INVALID_ARGUMENT is raised.value.status
    assert raised.value.hints & Hint.NOT_BEGUN


@pytest.mark.parametrize(
    ("path", "types", "arguments"),
    [
        ("say", ["x" * 20_000], [dumps("bob")]),
        ("$invoke", GENERIC_TYPES, [dumps("x" * 20_000), b"N", b"\x78"]),
        ("$invoke", GENERIC_TYPES, [dumps("say"), dumps(["x" * 20_000]), b"\x78"]),
    ],
)
def test_large_names(path, types, arguments):
    """
    Names in the body have the limit of headers: they come into errors and logs.
    """
    event = Pair().request(f"demo.Hello/{path}", write_request(types, arguments))
    with pytest.raises(CallError, match="max_header_bytes of 16384") as raised:
        decoded(event)

    assert Status.RESOURCE_EXHAUSTED is raised.value.status
    assert raised.value.hints & Hint.NOT_BEGUN


@pytest.mark.parametrize("types", [b"N", dumps(["java.lang.String"])])
def test_a_generic_call_without_arguments(types):
    """
    A list of arguments that is null is an empty one, which a method may not take.
    """
    body = write_request(GENERIC_TYPES, [dumps("say"), types, b"N"])
    event = Pair().request("demo.Hello/$invoke", body)
    with pytest.raises(CallError, match="takes 1 arguments, got 0") as raised:
        decoded(event)

    assert raised.value.hints & Hint.NOT_BEGUN


@pytest.mark.parametrize("bodies", [(), (BODY, BODY)])
def test_requests_of_another_number_of_messages(bodies):
    """
    A Java method takes one message: a request of none, or of two, is refused.
    """
    pair = Pair()
    call_id = pair.client.call(RequestHead("demo.Hello/say", "json"), None, "", False)
    for body in bodies:
        pair.client.send(call_id, body)
    pair.client.end(call_id)
    at_server, at_client = pair.move()
    (end,) = [event for event in at_client if isinstance(event, CallEnded)]

    assert not any(isinstance(event, RequestReceived) for event in at_server)
    assert Status.UNIMPLEMENTED is end.status
    assert "expected one message" in end.message
    assert 0 == pair.server.held_bytes


def test_a_request_that_is_given_up():
    """
    A request that is cancelled before it is complete is never reported, and takes no memory.
    """
    pair = Pair()
    call_id = pair.client.call(RequestHead("demo.Hello/say", "json"), None, "", False)
    pair.client.send(call_id, BODY)
    at_server, _ = pair.move()
    held = pair.server.unread_bytes
    pair.client.cancel(call_id)
    then, _ = pair.move()

    assert [] == at_server == then
    assert held >= len(BODY)
    assert 0 == pair.server.unread_bytes == pair.server.open_calls
