"""
The contract of message buses, on real brokers.
"""

from __future__ import annotations

import asyncio
import shutil
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import ClassVar

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.bus import SUBJECT, BusContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw_buses.nats.bus import NATSBus
from rpcfw_buses.redis.bus import RedisBus
from tests.certificates import Authority
from tests.real.nats_server import NATSServer
from tests.real.passing_time import PassingTime, after
from tests.real.redis_server import RedisServer
from tests.requirements import require, require_nats, require_redis

#: Options with which nothing takes long.
FAST = {"ping_interval": "300ms", "max_reconnect_delay": "50ms"}


class BusCase:
    """
    One broker for all tests of a class.
    """

    timeout = 30
    limit_s = 10.0
    step_s = 0.005
    bus_class = NATSBus
    scheme = "tcp"
    texts: ClassVar = {}

    @classmethod
    def setUpClass(cls):
        cls.need()
        cls.folder = Path(mkdtemp(prefix="rpcfw-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.server = cls.make_server()
        cls.addClassCleanup(cls.server.remove)
        cls.server.serve()

    def setUp(self):
        self.clock = PassingTime()
        self.addCleanup(self.clock.stop)
        return super().setUp()

    def bus(self, **texts):
        given = {"address": f"{self.scheme}:{self.server.address}", **FAST, **self.texts, **texts}
        options = options_of(self.bus_class.Options, **given)
        network = Network(reactor)
        return self.bus_class(options, plugin_context(self.clock, Random(3), network=network))

    async def leave(self):
        self.server.kill()

    async def come_back(self):
        self.server.serve()

    async def pass_time(self, seconds):
        await after(seconds)

    def as_deferred(self, coroutine):
        return spawn(coroutine)


class Broker(BusCase, BusContract):
    """
    The contract, and what only a broker of somebody else's can show.
    """

    async def test_a_frozen_broker_is_noticed(self):
        """
        A broker that is there and does not answer is given up, and found when it goes on.
        """
        bus, received = await self.listening()
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        await self.until(lambda: not bus.connected, "the bus is not connected")
        assert "not answered a ping" in bus.trouble
        self.server.thaw()
        await self.until(lambda: bus.connected, "the bus is connected")
        (await self.started()).publish(SUBJECT, b"after")
        await self.until(lambda: received, "a later message arrives")

    async def test_waiting_messages_are_bounded(self):
        """
        While the broker reads nothing, few messages wait, and more are dropped; none is cut.
        """
        sender = self.bus(ping_interval="1m", max_waiting_bytes="1MiB")
        await self.done(sender.start())
        self.addCleanup(lambda: spawn(sender.stop()))
        _, received = await self.listening()
        await self.until(lambda: sender.connected, "the bus is connected")
        self.server.freeze()
        self.addCleanup(self.server.thaw)
        message, sent = bytes(100_000), 0
        while sender.publish(SUBJECT, message):
            sent += 1
            assert sent < 1000, "something must be dropped"
            await self.pass_time(0)
        self.server.thaw()
        await self.until(lambda: len(received) == sent or not sender.connected, "all arrive")
        assert {message} == set(received)


class TestNATS(Broker, TestCase):
    need = staticmethod(require_nats)
    make_server = NATSServer

    async def test_another_client_understands_it(self):
        """
        Messages go to NATS's own client for Python and come back from it.
        """
        require(find_spec("nats"), "pip install nats-py")
        bus, received = await self.listening()
        answer = deferToThread(asyncio.run, echo(self.server.address))
        self.addCleanup(lambda: answer)
        while not received:
            bus.publish("rpcfw.test.question", b"what\r\n?")
            await self.pass_time(0.02)
        assert received[0] == b"what\r\n?"


async def echo(address):
    """
    Send the first message of one subject back on another, with NATS's own client.
    """
    import nats

    client = await nats.connect(f"nats://{address}")
    questions = await client.subscribe("rpcfw.test.question")
    question = await questions.next_msg(timeout=10)
    await client.publish(SUBJECT, question.data)
    await client.drain()


class TestNATSWithUsers(BusCase, BusContract, TestCase):
    """
    The contract over TLS, with a user and a password.
    """

    need = staticmethod(require_nats)
    scheme = "tls"

    @classmethod
    def make_server(cls):
        authority = Authority(cls.folder)
        server = authority.issue("server", "127.0.0.1")
        cls.texts = {
            "user": "rpcfw",
            "password": "s3cret",
            "tls_ca": str(authority.certificate),
        }
        tls = f'tls: {{cert_file: "{server.certificate}", key_file: "{server.key}"}}'
        return NATSServer(["authorization: {user: rpcfw, password: s3cret}", tls])


class TestRedis(Broker, TestCase):
    need = staticmethod(require_redis)
    bus_class = RedisBus
    make_server = RedisServer


class TestRedisWithUsers(BusCase, BusContract, TestCase):
    """
    The contract over TLS, with a user and a password.
    """

    need = staticmethod(require_redis)
    bus_class = RedisBus
    scheme = "tls"

    @classmethod
    def make_server(cls):
        authority = Authority(cls.folder)
        server = authority.issue("server", "127.0.0.1")
        ca = str(authority.certificate)
        cls.texts = {"user": "rpcfw", "password": "s3cret", "tls_ca": ca}
        user = [
            "--user",
            "rpcfw",
            "on",
            ">s3cret",
            "&rpcfw.*",
            "+@pubsub",
            "+hello",
            "+ping",
            "+client|setname",
        ]
        files = ["--tls-cert-file", str(server.certificate), "--tls-key-file", str(server.key)]
        settings = [*files, "--tls-ca-cert-file", ca, "--tls-auth-clients", "no"]
        return RedisServer([*settings, *user, "--user", "default", "off"], secure=True)
