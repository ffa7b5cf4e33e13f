"""
What a person types into the port of a provider, and what they read.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Unimplemented
from rpcfw.spi.events import ConnectionFailed, HandshakeCompleted, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.protocol import Match
from rpcfw.spi.served import Served
from rpcfw.spi.service_class import offered
from rpcfw.status import Status
from rpcfw.testing.contracts.protocol_connection import ConnectionPromises
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_dubbo.telnet import TelnetProtocol
from tests.lab.dubbo_shop import Shop

HELP = "ls        "


class TestTelnetConnection:
    """
    What `TelnetProtocol` promises of first bytes; it has no client to be a contract's other end.
    """

    def make(self):
        return TelnetProtocol(NoOptions(), plugin_context())

    test_any_first_bytes = ConnectionPromises.test_any_first_bytes
    test_a_refusal = ConnectionPromises.test_a_refusal
    test_it_knows_foreign_first_bytes = ConnectionPromises.test_it_knows_foreign_first_bytes


def machine(**limits):
    made = TelnetProtocol(NoOptions(), plugin_context()).server(Limits(**limits), ())
    methods = {one.method.path: one.method for one in offered(Shop)}
    made.serve(Served({**methods, "a.Other/say": methods["com.acme.Shop/say"]}))
    made.start()
    return made


def typed(made, line):
    """
    Return the events of a line, and what is printed.
    """
    events = made.receive(line.encode() + b"\r\n")
    return events, made.take_output().decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("first", "match"),
    [
        (b"ls\r\n", Match.YES),
        (b"invoke x", Match.YES),
        (b"help\n", Match.YES),
        (b"he", Match.MORE),
        (b"l", Match.MORE),
        (b"ls", Match.MORE),
        (b"lsx", Match.NO),
        (b"GET / HTTP/1.1", Match.NO),
        (b"\xda\xbb", Match.NO),
    ],
)
def test_first_bytes(first, match):
    """
    A connection that begins with a command is a person's.
    """
    assert match is TelnetProtocol(NoOptions(), plugin_context()).match(first)


def test_lists():
    """
    Services, and the methods of one with their parameters; then a prompt.
    """
    made = machine()
    events, text = typed(made, "ls")
    assert [HandshakeCompleted] == [type(event) for event in events]
    assert text == "com.acme.Shop\ndubbo>"

    _, text = typed(made, "ls -l com.acme.Shop")
    assert "say(name)\nsay(name, times)\nsay(number)\n" in text
    _, text = typed(made, "ls com.acme.Nothing")
    assert "there is no service com.acme.Nothing; try: ls" in text


def test_a_call():
    """
    Arguments are JSON, the result is printed as JSON, a failure as its status.
    """
    made = machine()
    typed(made, "help")
    (event,), text = typed(made, 'invoke com.acme.Shop.say("bob")')
    assert isinstance(event, RequestReceived)
    assert ("com.acme.Shop/say", "json", b'{"name":"bob"}') == (
        event.head.path,
        event.head.codec,
        event.body,
    )
    assert text == ""
    made.respond(event.call_id, '"hi böb"'.encode())
    assert made.take_output().decode() == '"hi böb"\r\ndubbo>'

    (event,), _ = typed(made, 'invoke price([{"sku": "a"}], 1.5)')
    assert event.body == b'{"lines":[{"sku":"a"}],"discount":1.5}'
    made.finish(event.call_id, Status.NOT_FOUND, "no such order")
    assert made.take_output() == b"NOT_FOUND: no such order\r\ndubbo>"
    assert made.open_calls == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("invoke", "expected a call, as: invoke"),
        ("invoke say", "expected a call, as: invoke"),
        ("invoke com.acme.Shop.say(bob)", "the arguments are not JSON"),
        ("invoke com.acme.Shop.fly()", "is not one method that is served here"),
        ('invoke com.acme.Shop.say("a", "b")', "com.acme.Shop/say takes 1 arguments, got 2"),
        ("fly away", "there is no command fly; try: help"),
        ("help", HELP),
        ("", "\ndubbo>"),
    ],
)
def test_what_cannot_be_done(line, told):
    """
    Mistakes are answered with what was expected, and a prompt.
    """
    made = machine()
    events, text = typed(made, line)

    assert [HandshakeCompleted] == [type(event) for event in events]
    assert told in text
    assert text.endswith("dubbo>")


def test_a_person_who_leaves():
    """
    The connection is closed when they say so.
    """
    made = machine()
    events, _ = typed(made, "quit")

    assert isinstance(events[-1], ConnectionFailed)
    assert made.receive(b"ls\n") == []


@pytest.mark.parametrize(
    ("data", "told"),
    [(b"ls " + b"x" * 3000, "max_header_bytes"), (b"ls\n" * 101, "commands at once")],
)
def test_no_person(data, told):
    """
    Lines without an end, and very many of them, end the connection with a reason.
    """
    made = machine(max_header_bytes=2000)
    event = made.receive(data)[-1]

    assert isinstance(event, ConnectionFailed)
    assert told in event.reason
    assert told in made.take_output().decode()
    assert made.held_bytes == 0


def test_calls_are_limited():
    """
    More calls than max_calls are not begun.
    """
    made = machine(max_calls=1)
    typed(made, 'invoke com.acme.Shop.say("a")')
    events, text = typed(made, 'invoke com.acme.Shop.say("b")')

    assert events == []
    assert "max_calls" in text


def test_nobody_calls_by_telnet():
    """
    It is no protocol for clients.
    """
    with pytest.raises(Unimplemented, match="rpcfw call"):
        TelnetProtocol(NoOptions(), plugin_context()).client(Limits(), ())
