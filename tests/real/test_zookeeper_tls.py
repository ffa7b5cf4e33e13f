"""
The ZooKeeper registry over TLS, with certificates on both sides.
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError, SettingsError
from rpcfw.testing.contracts.registry import an_instance
from tests.certificates import Authority
from tests.real.ports import free_ports
from tests.real.zookeeper_case import ZooKeeperCase
from tests.real.zookeeper_server import ZooKeeperServer
from tests.requirements import require_zookeeper

pytestmark = pytest.mark.zookeeper


class TestTLS(ZooKeeperCase, TestCase):
    @classmethod
    def setUpClass(cls):
        require_zookeeper()
        cls.folder = Path(mkdtemp(prefix="rpcfw-certificates-"))
        cls.authority = Authority(cls.folder)
        cls.stranger = Authority(cls.folder, "stranger")
        _, _, both = cls.authority.issue("server", "127.0.0.1")
        _, _, elsewhere = cls.authority.issue("elsewhere", "10.9.8.7")
        cls.server, cls.address = cls.serving(both)
        cls.misnamed, cls.misnamed_address = cls.serving(elsewhere)
        for server in (cls.server, cls.misnamed):
            server.wait_ready()

    @classmethod
    def tearDownClass(cls):
        for server in (cls.server, cls.misnamed):
            server.remove()
        rmtree(cls.folder)

    @classmethod
    def serving(cls, certificate):
        """
        Return a server that shows ``certificate``, and its secure address.
        """
        (port,) = free_ports(1)
        settings = [
            f"secureClientPort={port}",
            "secureClientPortAddress=127.0.0.1",
            f"ssl.keyStore.location={certificate}",
            "ssl.keyStore.type=PEM",
            f"ssl.trustStore.location={cls.authority.certificate}",
            "ssl.trustStore.type=PEM",
        ]
        factory = "org.apache.zookeeper.server.NettyServerCnxnFactory"
        server = ZooKeeperServer(
            settings=settings, properties=[f"-Dzookeeper.serverCnxnFactory={factory}"]
        )
        server.start()
        return server, f"127.0.0.1:{port}"

    def secured(self, authority, **texts):
        """
        Return the options of a client with a certificate that ``authority`` signed.
        """
        certificate, key, _ = authority.issue(self._testMethodName, "127.0.0.1")
        return {
            "tls": "yes",
            "tls_ca": str(self.authority.certificate),
            "tls_certificate": str(certificate),
            "tls_key": str(key),
            "operation_timeout": "2s",
            "connect_timeout": "20s",
            **texts,
        }

    async def test_announces_and_watches(self):
        """
        With certificates that fit each other everything works as without.
        """
        options = self.secured(self.authority)
        provider = await self.running(self.address, **options)
        told = self.watching(await self.running(self.address, **options))
        announced = [
            Deferred.fromCoroutine(provider.announce(an_instance(id=f"i{number:03}")))
            for number in range(300)
        ]
        await self.tells(told, *(f"i{number:03}" for number in range(300)))
        for each in announced:
            await each

    async def test_refuses_a_server_of_another_name(self):
        """
        A certificate for another host is refused, and with reason; unless told so.
        """
        options = self.secured(self.authority)
        warned = []
        refused = self.made(self.misnamed_address, **options)
        # What the log would get.
        refused._log.warn_of = lambda kind, *_, **fields: warned.append(kind)  # noqa: SLF001
        await refused.start()
        with pytest.raises(RegistryError, match="was reached within"):
            await refused.services()
        # A slow machine may take longer for its first handshake than for that answer.
        for _ in range(300):
            if any("IP address mismatch" in text for text in warned):
                break
            await self.pass_time(0.1)
        await refused.stop()
        assert any("IP address mismatch" in text for text in warned), warned
        lenient = await self.running(self.misnamed_address, **{**options, "tls_verify": "chain"})
        assert () == await lenient.services()

    async def test_is_refused_with_a_certificate_of_a_stranger(self):
        """
        A server does not let in whom nobody it trusts vouches for.
        """
        consumer = await self.running(self.address, **self.secured(self.stranger))
        with pytest.raises(RegistryError):
            await consumer.services()

    async def test_names_a_file_that_is_missing(self):
        """
        A certificate that cannot be read stops the start, and is named.
        """
        options = self.secured(self.authority, tls_ca="/nowhere/ca.pem")
        with pytest.raises(SettingsError, match=r"/nowhere/ca\.pem.*No such file"):
            self.made(self.address, **options)
