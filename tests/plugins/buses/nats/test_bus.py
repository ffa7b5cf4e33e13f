"""
The bus ``nats`` against the contract, with a small server of the test's own.
"""

from __future__ import annotations

from twisted.internet.protocol import Protocol
from twisted.trial.unittest import TestCase

from rpcfw.testing.contracts.bus import BusContract
from rpcfw_buses.nats.bus import NATSBus
from tests.plugins.buses.broker.memory_case import MemoryCase


class NATSServer(Protocol):
    """
    What the bus needs of a server.
    """

    def connectionMade(self):
        self.sids = {}
        self.unread = b""
        self.transport.write(b'INFO {"max_payload": 1048576}\r\n')

    def dataReceived(self, data):
        self.unread += data
        while b"\r\n" in self.unread:
            line, rest = self.unread.split(b"\r\n", 1)
            operation, *fields = line.split()
            size = int(fields[1]) if operation == b"PUB" else -2
            if len(rest) < size + 2:
                return
            self.unread = rest[size + 2 :]
            self.serve(operation, fields, rest[: max(size, 0)])

    def serve(self, operation, fields, payload):
        if operation == b"PING":
            self.transport.write(b"PONG\r\n")
        elif operation == b"SUB":
            self.sids[fields[0]] = fields[1]
            self.factory.subscribe(fields[0], self)
        elif operation == b"UNSUB":
            subject = next(each for each, sid in self.sids.items() if sid == fields[0])
            self.factory.forget(self, subject)
        elif operation == b"PUB":
            self.factory.publish(fields[0], payload)

    def deliver(self, subject, message):
        head = b"MSG %b %b %d\r\n" % (subject, self.sids[subject], len(message))
        self.transport.write(head + message + b"\r\n")

    def connectionLost(self, reason):
        self.factory.forget(self)


class TestNATSBus(MemoryCase, BusContract, TestCase):
    bus_class = NATSBus
    protocol = NATSServer
