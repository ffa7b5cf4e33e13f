"""
A bus with several addresses: of a cluster of NATS servers, and of a Redis master and its replica.
"""

from __future__ import annotations

import socket
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw_buses.nats.bus import NATSBus
from rpcfw_buses.redis.bus import RedisBus
from tests.real.nats_server import NATSServer
from tests.real.passing_time import PassingTime, after
from tests.real.ports import free_ports
from tests.real.redis_server import RedisServer
from tests.requirements import require_nats, require_redis

SUBJECT = "rpcfw.test.a"
FAST = {"ping_interval": "200ms", "max_reconnect_delay": "50ms", "connect_timeout": "1s"}


class Addresses:
    """
    Two brokers, and buses that know both, in this order or the other.
    """

    timeout = 30
    limit_s = 10.0

    def setUp(self):
        self.need()
        self.clock = PassingTime()
        self.addCleanup(self.clock.stop)
        self.servers = self.make_servers()
        for server in self.servers:
            self.addCleanup(server.remove)

    def started(self, *servers):
        """
        Return a bus that tries these in order, and what it receives.
        """
        address = ", ".join(server.address for server in servers)
        options = options_of(self.bus_class.Options, address=address, **FAST)
        context = plugin_context(self.clock, Random(3), network=Network(reactor))
        bus = self.bus_class(options, context)
        received = []
        bus.subscribe(SUBJECT, received.append)
        spawn(bus.start())
        self.addCleanup(lambda: spawn(bus.stop()))
        return bus, received

    async def until(self, seen, what):
        began_at = reactor.seconds()
        while not seen():
            assert reactor.seconds() - began_at < self.limit_s, what
            await after(0.01)

    async def arrives(self, sender, received):
        """
        Return once messages of a bus arrive.
        """
        received.clear()
        began_at = reactor.seconds()
        while not received:
            assert reactor.seconds() - began_at < self.limit_s, "a message arrives"
            sender.publish(SUBJECT, b"x")
            await after(0.02)

    async def first_is_dead(self):
        first, second = self.servers
        second.serve()
        bus, received = self.started(first, second)
        other, _ = self.started(second, first)
        await self.until(lambda: bus.connected and other.connected, "the second one is used")
        await self.arrives(other, received)

    def test_the_first_is_dead(self):
        """
        The next one is used.
        """
        return ensureDeferred(self.first_is_dead())


class TestNATS(Addresses, TestCase):
    """
    Servers of one cluster pass messages on to each other.
    """

    need = staticmethod(require_nats)
    bus_class = NATSBus

    def make_servers(self):
        ports = free_ports(2)
        routes = ", ".join(f"nats://127.0.0.1:{port}" for port in ports)
        return [
            NATSServer([f'cluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{routes}] }}'])
            for port in ports
        ]

    async def one_dies(self):
        first, second = self.servers
        first.serve()
        second.serve()
        moved, received = self.started(first, second)
        other, others = self.started(second, first)
        await self.until(lambda: moved.connected and other.connected, "both are connected")
        await self.arrives(other, received)
        first.kill()
        await self.until(lambda: not moved.connected, "the loss is noticed")
        await self.until(lambda: moved.connected, "the other one is used")
        await self.arrives(other, received)
        first.serve()
        second.freeze()
        self.addCleanup(second.thaw)
        await self.until(lambda: not moved.connected, "that it is frozen is noticed")
        await self.until(lambda: moved.connected and other.connected, "the first is used again")
        await self.arrives(moved, others)

    def test_one_dies(self):
        """
        Messages cross the cluster, and a bus leaves a server that is killed or frozen.
        """
        return ensureDeferred(self.one_dies())


class TestRedis(Addresses, TestCase):
    """
    The master is used, whichever it is. What happens at a failover is what Redis Sentinel does.
    """

    need = staticmethod(require_redis)
    bus_class = RedisBus

    def make_servers(self):
        return [RedisServer(), RedisServer()]

    def say(self, server, command):
        """
        Send one command to a server.
        """
        with socket.create_connection((server.host.address, server.port), 5) as connection:
            connection.sendall(command.encode() + b"\r\n")
            assert connection.recv(1000).startswith(b"+OK")

    def make_replica(self, server, master):
        self.say(server, f"REPLICAOF {master.host.address} {master.port}")

    async def master_moves(self):
        first, second = self.servers
        first.serve()
        second.serve()
        self.make_replica(first, second)
        bus, received = self.started(first, second)
        other, _ = self.started(second, first)
        await self.until(lambda: bus.connected and other.connected, "the master is used")
        await self.arrives(other, received)
        second.kill()
        await self.until(lambda: not bus.connected, "the loss is noticed")
        await after(0.2)
        assert not bus.connected
        self.say(first, "REPLICAOF NO ONE")
        await self.until(lambda: bus.connected and other.connected, "the new master is used")
        await self.arrives(other, received)
        # Back, without knowing that it is no longer the master; then it is told.
        second.serve()
        late, received = self.started(second, first)
        await self.until(lambda: late.connected, "the old master is used")
        self.make_replica(second, first)
        await self.arrives(bus, received)

    def test_the_master_moves(self):
        """
        A replica is not used until it is the master, and no longer once it is a replica again.
        """
        return ensureDeferred(self.master_moves())
