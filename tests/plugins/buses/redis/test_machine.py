"""
What a client of Redis says and understands.
"""

from __future__ import annotations

import pytest

from rpcfw_buses.broker.machine import BrokerError, Login
from rpcfw_buses.redis.machine import RedisMachine
from tests.plugins.buses.broker.listener import Listener

HELLO = (
    b"%4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
    b"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n"
)
SUBSCRIBED = b">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
MESSAGE = b">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n"


def machine_of(listener, login=Login("shop")):  # noqa: B008 - it is frozen
    machine = RedisMachine(login, listener, 1000)
    machine.begin()
    return machine


def accepted(*subjects):
    listener = Listener(*subjects)
    machine = machine_of(listener)
    machine.take_output()
    machine.receive(HELLO + b"+PONG\r\n")
    assert machine.ready
    return machine, listener


def words(output):
    """
    Return the commands, each with its arguments, as they read.
    """
    parts = output.split(b"\r\n")
    return " ".join(part.decode() for part in parts if part[:1] not in (b"$", b""))


def test_connects():
    """
    HELLO, its subscriptions and a PING go together; PONG says that all are in effect.
    """
    machine = machine_of(Listener("a", "b.c"), Login("my shop\r\n"))
    said = words(machine.take_output())
    assert said == "*4 HELLO 3 SETNAME my-shop-- *2 SUBSCRIBE a *2 SUBSCRIBE b.c *1 PING"
    machine.receive(HELLO + SUBSCRIBED)
    assert not machine.ready
    machine.receive(b"+PONG\r\n")
    assert machine.ready


@pytest.mark.parametrize(
    ("login", "expected"),
    [
        (Login("", "", "p w"), "*5 HELLO 3 AUTH default p w *1 PING"),
        (Login("", "u", "p"), "*5 HELLO 3 AUTH u p *1 PING"),
        (Login(""), "*2 HELLO 3 *1 PING"),
    ],
)
def test_shows_who_connects(login, expected):
    """
    A password without a user is that of the default user.
    """
    assert expected == words(machine_of(Listener(), login).take_output())


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"-NOAUTH HELLO must be called with ...\r\n", "refuses: NOAUTH"),
        (b"-WRONGPASS invalid username-password pair\r\n", "refuses: WRONGPASS"),
        (b"-DENIED Redis is running in protected mode\r\n", "protected mode"),
        (b"-ERR unknown command `HELLO`\r\n", "older than Redis 6"),
        (HELLO + b"-NOPERM this user has no permissions\r\n", "NOPERM"),
        (HELLO.replace(b":3", b":2"), "version 3"),
        (HELLO.replace(b"$6\r\nmaster", b"$7\r\nreplica"), "replica"),
        (b"+PONG\r\n", "expected a reply to HELLO"),
        (MESSAGE, "before the connection"),
    ],
)
def test_what_ends_a_connection(data, text):
    """
    The reason says what was expected, and what to do.
    """
    with pytest.raises(BrokerError, match=text):
        machine_of(Listener()).receive(data)


def test_a_replica_of_a_cluster_is_used():
    """
    The nodes of a cluster pass messages on to each other, replicas too.
    """
    hello = HELLO.replace(b"$6\r\nmaster", b"$7\r\nreplica")
    machine = machine_of(Listener())
    machine.receive(hello.replace(b"$10\r\nstandalone", b"$7\r\ncluster") + b"+PONG\r\n")
    assert machine.ready


def test_a_master_that_becomes_a_replica():
    """
    The next ping shows it, and ends the connection: the master is elsewhere now.
    """
    machine, _ = accepted("a")
    machine.ping()
    assert "*1 HELLO" == words(machine.take_output())
    machine.receive(HELLO)
    assert machine.ready
    machine.ping()
    with pytest.raises(BrokerError, match="replica"):
        machine.receive(HELLO.replace(b"$6\r\nmaster", b"$7\r\nreplica"))


def test_messages_between_replies():
    """
    Messages are delivered; what counts receivers is ignored; refusals end nothing.
    """
    machine, listener = accepted("a")
    machine.receive(b":1\r\n" + MESSAGE + b":0\r\n-NOPERM no\r\n")
    assert listener.received == [("a", b"hi")]
    assert listener.refusals == ["NOPERM no"]
    assert machine.ready


def test_publishes_and_unsubscribes():
    """
    Each argument has its size; a subject that is not subscribed to needs no command.
    """
    machine, _ = accepted("a")
    expected = b"*3\r\n$7\r\nPUBLISH\r\n$3\r\nb.c\r\n$3\r\n\r\nx\r\n"
    assert expected == machine.encode("b.c", b"\r\nx")
    machine.unsubscribe("a")
    machine.unsubscribe("a")
    assert words(machine.take_output()) == "*2 UNSUBSCRIBE a"
    machine.subscribe("a")
    machine.subscribe("a")
    assert words(machine.take_output()) == "*2 SUBSCRIBE a"


def test_a_subject_is_no_pattern():
    """
    A subject that a broker could misread is refused.
    """
    machine, _ = accepted()
    for subject in ("", "a\r\n", "a*", "a b"):
        with pytest.raises(ValueError, match="subject"):
            machine.encode(subject, b"")
