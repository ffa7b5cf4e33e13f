"""
Applications that find each other through etcd, as their INI files say.
"""

from __future__ import annotations

from random import Random

import pytest
from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.spi.service import Service, method
from tests.real.etcd_server import EtcdMember
from tests.real.passing_time import after
from tests.requirements import require_etcd

pytestmark = pytest.mark.etcd


class Greeter(Service, name="demo.Greeter"):
    """
    Says hello.
    """

    @method(idempotent=True)
    async def say(self, name: str) -> str:
        return f"hello {name}"


class TestApplications(TestCase):
    timeout = 30
    #: Settings beside the two lines.
    more = ()

    def setUp(self):
        require_etcd()
        self.member = EtcdMember()
        self.addCleanup(self.member.remove)
        self.member.serve()

    async def application(self, *sets, services=()):
        """
        Return an application that runs until the test is over.
        """
        two_lines = ("registry.plugin=etcd", f"registry.address={self.member.address}")
        declared = (
            "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
            "plugins.registries.etcd=rpcfw_registries.etcd.registry:EtcdRegistry",
        )
        plan = read_plan(Sources.load(sets=[*declared, *two_lines, *self.more, *sets]))
        application = Application(plan, reactor, Random(1), services=services)
        await application.start()
        self.addCleanup(lambda: spawn(application.stop()))
        return application

    async def test_two_lines_of_the_ini_are_enough(self):
        """
        Naming etcd and its address is all it takes; calls go on while it is away.
        """
        await self.application("server.listen=tcp:127.0.0.1:0", services=(Greeter(),))
        consumer = await self.application()
        greeter = consumer.client(Greeter)
        assert "hello bob" == await greeter.say("bob")
        self.member.kill()
        for _ in range(20):
            assert "hello bob" == await greeter.say("bob")
            await after(0.05)
        await deferToThread(self.member.serve)
        assert "hello bob" == await greeter.say("bob")
