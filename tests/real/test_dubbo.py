"""
A provider as it is shipped, ``conf/dubbo.ini``: what consumers, other wires and people get.
"""

from __future__ import annotations

import json
import socket
from contextlib import suppress

import pytest

from tests.real.commands import LIMIT_S, Running, address_in, rpcfw

#: A request of a consumer in Java: ``demo.Hello:1.0.0``, ``say("bob")``, and the reply to it.
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


@pytest.fixture(scope="module")
def address():
    """
    Where the provider is.
    """
    sets = ("--set", "server.listen=tcp:127.0.0.1:0", "--log-level", "error")
    with Running("serve", "-c", "conf/dubbo.ini", *sets) as provider:
        yield address_in(provider.line())


def answers_to(address, data, size):
    """
    Send bytes over a new connection, and return so many that come back.
    """
    host, _, port = address.rpartition(":")
    with socket.create_connection((host, int(port)), LIMIT_S) as connection:
        connection.sendall(data)
        answer = b""
        while len(answer) < size and (piece := connection.recv(65536)):
            answer += piece
    return answer


def test_the_complete_example(address):
    """
    A bare socket gets the reply of a provider in Java, byte for byte.
    """
    assert answers_to(address, REQUEST, len(REPLY)) == REPLY


@pytest.mark.parametrize(
    ("protocol", "arguments"),
    [("native", '{"name": "bob"}'), ("grpc", '{"name": "bob"}'), ("dubbo", '["bob"]')],
)
def test_one_port(address, protocol, arguments):
    """
    The port speaks all three protocols; the address may precede the method.
    """
    called = ("call", "--protocol", protocol, "--metadata", "version=1.0.0", address)
    done = rpcfw(*called, "demo.Hello/say", arguments)

    assert (0, "hi bob") == (done.returncode, done.stdout and json.loads(done.stdout)), done.stderr


def test_a_call_that_fails(address):
    """
    The reason and the exit code are those of any call.
    """
    done = rpcfw("call", "--protocol", "dubbo", address, "demo.Hello/say", '["bob"]')

    assert 1 == done.returncode
    assert "UNIMPLEMENTED: demo.Hello is served here in version 1.0.0" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["127.0.0.1:1"], "there is no SERVICE/METHOD after the address tcp:127.0.0.1:1"),
        (["127.0.0.1:1", "demo.Hello"], "'demo.Hello' is not SERVICE/METHOD"),
        (["127.0.0.1:1", "a/b", "--address", "tcp:127.0.0.1:2"], "two addresses were given"),
    ],
)
def test_addresses_that_are_wrong(arguments, told):
    """
    What is missing after an address, or is too much, is said before anything is called.
    """
    done = rpcfw("call", *arguments)

    assert 2 == done.returncode
    assert told in done.stderr


def test_a_person_at_the_port(address):
    """
    Whoever types a command of Dubbo reads a sentence, and what to do for more.
    """
    told = answers_to(address, b"ls\r\n", 1000).decode()

    assert "It speaks: native, grpc, dubbo" in told
    assert "add telnet to [server] protocols" in told


def test_a_person_who_may_call():
    """
    With telnet on the port, a person lists and calls; the others go on.
    """
    sets = ("server.listen=tcp:127.0.0.1:0", "server.protocols=native, grpc, dubbo, telnet")
    words = [word for each in sets for word in ("--set", each)]
    expected = b'demo.Hello\r\ndubbo>"hi bob"\r\ndubbo>'
    with Running("serve", "-c", "conf/dubbo.ini", *words, "--log-level", "error") as provider:
        address = address_in(provider.line())
        typed = b'ls\r\ninvoke demo.Hello.say("bob")\r\n'
        assert expected == answers_to(address, typed, len(expected))
        assert REPLY == answers_to(address, REQUEST, len(REPLY))


HOSTILE = {
    "half a frame": REQUEST[:50],
    "a length of 2 GiB": REQUEST[:12] + b"\x7f\xff\xff\xff" + bytes(1000),
    "a negative length": REQUEST[:12] + b"\xff\xff\xff\xff",
    "lists in lists": REQUEST[:12] + (3_000_000).to_bytes(4, "big") + b"\x79" * 3_000_000,
    "heartbeats": bytes.fromhex("dabbe2000000000000000001000000014e") * 5000,
    "garbage": REQUEST + b"x" * 100_000,
    "one-way calls": (b"\xda\xbb\x82" + REQUEST[3:]) * 2000,
    "text": b"help me\r\n" * 1000,
}


def test_hostile_peers(address):
    """
    Whatever others send, and leave open, a consumer is answered.
    """
    host, _, port = address.rpartition(":")
    opened = []
    try:
        for data in HOSTILE.values():
            connection = socket.create_connection((host, int(port)), LIMIT_S)
            opened.append(connection)
            with suppress(ConnectionError):
                connection.sendall(data)
            assert answers_to(address, REQUEST, len(REPLY)) == REPLY
    finally:
        for connection in opened:
            connection.close()
