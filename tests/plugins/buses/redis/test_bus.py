"""
The bus ``redis`` against the contract, with a small server of the test's own.
"""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.bus import BusContract
from rpcfw_buses.redis.bus import RedisBus, RedisOptions
from tests.plugins.buses.broker.memory_case import MemoryCase


class RedisServer(Protocol):
    """
    What the bus needs of a server.
    """

    def connectionMade(self):
        self.unread = b""

    def dataReceived(self, data):
        self.unread += data
        while (command := self.command()) is not None:
            self.serve(*command)

    def command(self):
        """
        Return the next command, once it is whole.
        """
        count, found, rest = self.unread.partition(b"\r\n")
        arguments = []
        for _ in range(int(count[1:] or 0)):
            size, found, rest = rest.partition(b"\r\n")
            if not found or len(rest) < int(size[1:]) + 2:
                return None
            arguments.append(rest[: int(size[1:])])
            rest = rest[int(size[1:]) + 2 :]
        self.unread = rest
        return arguments or None

    def serve(self, name, *arguments):
        if name == b"HELLO":
            self.transport.write(b"%1\r\n$5\r\nproto\r\n:3\r\n")
        elif name == b"PING":
            self.transport.write(b"+PONG\r\n")
        elif name == b"SUBSCRIBE":
            self.factory.subscribe(arguments[0], self)
        elif name == b"UNSUBSCRIBE":
            self.factory.forget(self, arguments[0])
        elif name == b"PUBLISH":
            self.factory.publish(*arguments)
            self.transport.write(b":1\r\n")

    def deliver(self, channel, message):
        head = b">3\r\n$7\r\nmessage\r\n$%d\r\n%b\r\n" % (len(channel), channel)
        self.transport.write(head + b"$%d\r\n%b\r\n" % (len(message), message))

    def connectionLost(self, reason):
        self.factory.forget(self)


class TestRedisBus(MemoryCase, BusContract, TestCase):
    bus_class = RedisBus
    protocol = RedisServer


def test_a_user_needs_a_password():
    """
    A password may stand alone, a user may not.
    """
    options_of(RedisOptions, password="p")
    with pytest.raises(SettingsError, match="needs password or password_file"):
        options_of(RedisOptions, user="u")
