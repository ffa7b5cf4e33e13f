"""
What a client of NATS says and understands.
"""

from __future__ import annotations

import json

import pytest

from rpcfw_buses.broker.machine import BrokerError, Login
from rpcfw_buses.nats.machine import NATSMachine
from tests.plugins.buses.broker.listener import Listener

INFO = b'INFO {"server_id":"X","max_payload":1048576}\r\n'
TLS_INFO = b'INFO {"max_payload":1048576,"tls_required":true}\r\n'


def machine_of(listener, login=Login("shop"), **arguments):  # noqa: B008 - it is frozen
    machine = NATSMachine(login, listener, 1000, **arguments)
    machine.begin()
    return machine


def accepted(*subjects):
    listener = Listener(*subjects)
    machine = machine_of(listener)
    machine.receive(INFO)
    machine.take_output()
    machine.receive(b"PONG\r\n")
    assert machine.ready
    return machine, listener


def connect_of(output):
    line = output.split(b"\r\n")[0]
    assert line.startswith(b"CONNECT ")
    return json.loads(line[8:])


def test_connects_after_info():
    """
    After INFO it sends CONNECT, its subscriptions and a PING, whose PONG says all are in effect.
    """
    machine = machine_of(Listener("a", "b.c"))
    assert machine.take_output() == b""
    machine.receive(INFO)
    output = machine.take_output()
    assert output.endswith(b"\r\nSUB a 1\r\nSUB b.c 2\r\nPING\r\n")
    connect = connect_of(output)
    assert connect["name"] == "shop"
    assert connect["verbose"] is False
    assert connect["echo"] is False
    assert {"user", "pass", "auth_token"}.isdisjoint(connect)
    assert not machine.ready
    machine.receive(b"PONG\r\n")
    assert machine.ready


def test_a_late_subscription_delays_readiness():
    """
    What is subscribed to before PONG is in effect, too, once the connection is ready.
    """
    machine = machine_of(Listener("a"))
    machine.receive(INFO)
    machine.subscribe("b")
    machine.ping()
    machine.receive(b"PONG\r\n")
    assert not machine.ready
    machine.receive(b"PONG\r\n")
    assert machine.ready


@pytest.mark.parametrize(
    ("login", "by_token", "expected"),
    [
        (Login("", "u", "p"), False, {"user": "u", "pass": "p"}),
        (Login("", "", "t"), True, {"auth_token": "t"}),
    ],
)
def test_shows_who_connects(login, by_token, expected):
    """
    A user has a password; a token stands alone.
    """
    machine = machine_of(Listener(), login, by_token=by_token)
    machine.receive(INFO)
    connect = connect_of(machine.take_output())
    shown = {name: connect[name] for name in ("user", "pass", "auth_token") if name in connect}
    assert expected == shown


def test_credentials_wait_for_tls():
    """
    With TLS nothing is said before the handshake, and nothing may arrive between.
    """
    machine = machine_of(Listener("a"), Login("", "u", "p"), secure=True)
    machine.receive(TLS_INFO)
    assert machine.wants_tls
    machine.subscribe("b")
    machine.ping()
    assert machine.take_output() == b""
    machine.tls_started()
    assert connect_of(machine.take_output())["pass"] == "p"
    for early in (b"PING\r\n", b"PI", b"MSG a 1 1\r\nx\r\n", b"MSG a 1 99999999\r\n"):
        machine = machine_of(Listener("a"), secure=True)
        with pytest.raises(BrokerError):
            machine.receive(TLS_INFO + early)


@pytest.mark.parametrize(
    ("info", "secure", "text"),
    [
        (b'INFO {"max_payload": 999}\r\n', False, "raise max_payload"),
        (TLS_INFO, False, "requires TLS"),
        (INFO, True, "has no TLS"),
        (b"INFO {\r\n", False, "cannot be read"),
        (b'INFO {"max_payload": "x"}\r\n', False, "cannot be read"),
        (b"INFO \xff\r\n", False, "cannot be read"),
        (b"+PONG\r\n", False, "is this a NATS server"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", False, "is this a NATS server"),
        (b"PONG\r\n", False, "expected INFO"),
        (b"MSG a 1 1\r\nx\r\n", False, "before the connection"),
        (INFO + b"-ERR 'Authorization Violation'\r\n", False, "Authorization Violation"),
        (INFO + b"PONG\r\nHMSG a 1 1 1\r\n", False, "operation of NATS"),
    ],
)
def test_what_ends_a_connection(info, secure, text):
    """
    The reason says what was expected, and what to do.
    """
    with pytest.raises(BrokerError, match=text):
        machine_of(Listener(), secure=secure).receive(info)


def test_messages_and_pings():
    """
    Messages are delivered; the server's PING is answered; a second INFO changes nothing.
    """
    machine, listener = accepted("a")
    machine.receive(b"MSG a 1 2\r\nhi\r\nPING\r\n+OK\r\n" + INFO)
    assert listener.received == [("a", b"hi")]
    assert machine.take_output() == b"PONG\r\n"
    machine.receive(b"MSG a 1 1001\r\n" + bytes(1001) + b"\r\n")
    assert listener.skips == 1


def test_a_refusal_later_ends_nothing():
    """
    A server refuses a subject without closing the connection.
    """
    machine, listener = accepted()
    machine.receive(b"-ERR 'Permissions Violation for Publish to \"a\"'\r\n")
    assert listener.refusals == ['Permissions Violation for Publish to "a"']
    assert machine.ready


def test_publishes_and_unsubscribes():
    """
    PUB has the size; a subject is unsubscribed by its number; doing so twice says nothing.
    """
    machine, _ = accepted("a")
    assert machine.encode("b.c", b"\r\nx") == b"PUB b.c 3\r\n\r\nx\r\n"
    machine.unsubscribe("a")
    machine.unsubscribe("a")
    assert machine.take_output() == b"UNSUB 1\r\n"
    machine.subscribe("a")
    assert machine.take_output() == b"SUB a 2\r\n"


@pytest.mark.parametrize("subject", ["", "a b", "a\r\nPING", "a.*", ">", "ä", "x" * 300])
def test_a_subject_breaks_no_line(subject):
    """
    A subject that the protocol would read as something else is refused.
    """
    machine, _ = accepted()
    with pytest.raises(ValueError, match="subject"):
        machine.encode(subject, b"")


def test_an_answer_to_no_ping():
    """
    It is ignored, and does not stand for one that is due.
    """
    machine, _ = accepted()
    machine.receive(b"PONG\r\nPONG\r\n")
    assert machine.ready
