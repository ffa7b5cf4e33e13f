"""
The etcd registry where etcd wants to know who calls: users, tokens, TLS.
"""

from __future__ import annotations

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import pytest
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw.errors import RegistryError, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.transport.network.tls import TLSOptions
from tests.certificates import Authority
from tests.real.etcd_case import EtcdCase
from tests.real.etcd_server import EtcdMember, etcdctl
from tests.real.registry_case import OneServer, instances_in

pytestmark = pytest.mark.etcd

ROOT = "root:secret"


class TestUsers(EtcdCase, OneServer, TestCase):
    @classmethod
    def make_server(cls):
        return EtcdMember(settings=["--auth-token-ttl=1"])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for words in (
            "user add root:secret",
            "user add writer:xyzzy",
            "user add reader:plugh",
            "role add writing",
            "role add reading",
            "role grant-permission writing --prefix=true readwrite /rpcfw/",
            "role grant-permission reading --prefix=true read /rpcfw/",
            "user grant-role writer writing",
            "user grant-role reader reading",
            "user grant-role root root",
            "auth enable",
        ):
            etcdctl(cls.server, *words.split())

    async def as_user(self, user, password, **texts):
        """
        Return a registry that runs as a user.
        """
        return await self.running(self.server.address, user=user, password=password, **texts)

    def token(self, registry):
        """
        Return the token in use.
        """
        return registry._session._tokens._token  # noqa: SLF001 - as a wiretap would

    async def test_needs_no_more_than_its_prefix(self):
        """
        A provider needs to write its prefix, a consumer to read it.
        """
        provider = await self.as_user("writer", "xyzzy")
        consumer = await self.as_user("reader", "plugh")
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        assert ("demo.Greeter",) == await consumer.services()
        with pytest.raises(RegistryError, match="does not permit"):
            await consumer.announce(an_instance(id="b"))

    async def test_renews_an_expired_token(self):
        """
        A token that nobody used for too long is replaced, and nothing is lost.
        """
        provider = await self.as_user("writer", "xyzzy", lease="60s", self_check_interval="60s")
        consumer = await self.as_user(
            "reader", "plugh", heartbeat_interval="3s", self_check_interval="60s"
        )
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        before = self.token(consumer)
        await self.eventually(lambda: self.token(consumer) != before, lambda: "a new token")
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b", limit_s=2)
        await provider.withdraw(an_instance(id="a"))
        await self.tells(told, "b", limit_s=2)

    async def test_a_restarted_member_knows_no_tokens(self):
        """
        A watch that must begin anew with a forgotten token gets another.
        """
        provider = await self.as_user("writer", "xyzzy")
        consumer = await self.as_user("reader", "plugh")
        told = self.watching(consumer)
        await provider.announce(an_instance(id="a"))
        await self.tells(told, "a")
        self.server.kill()
        await deferToThread(self.server.serve)
        await provider.announce(an_instance(id="b"))
        await self.tells(told, "a", "b")

    async def test_says_who_it_is_not(self):
        """
        A wrong password, and none, are told as what they are.
        """
        wrong = await self.as_user("writer", "wrong")
        with pytest.raises(RegistryError, match="no such user and password"):
            await wrong.announce(an_instance())
        with pytest.raises(RegistryError, match="no such user and password"):
            await wrong.services()
        nobody = await self.running(self.server.address)
        with pytest.raises(RegistryError, match="set user and password"):
            await nobody.services()
        told = self.watching(nobody)
        for _ in range(300):
            if told.refusals:
                break
            await self.pass_time(0.1)
        assert "set user and password" in told.refusals[0]

    async def test_a_user_where_nobody_asks(self):
        """
        A user is no hindrance where etcd asks nobody who they are.
        """
        open_to_all = EtcdMember()
        self.addCleanup(open_to_all.remove)
        await deferToThread(open_to_all.serve)
        registry = await self.running(open_to_all.address, user="bob", password="xyzzy")
        await registry.announce(an_instance())
        assert ("demo.Greeter",) == await registry.services()


class SecuredMember(EtcdCase, OneServer):
    """
    A member that lets in whom its authority vouches for.
    """

    @classmethod
    def make_server(cls):
        cls.folder = Path(mkdtemp(prefix="rpcfw-certificates-"))
        cls.authority = Authority(cls.folder)
        certificate, key, _ = cls.authority.issue("server", "127.0.0.1")
        settings = [
            f"--cert-file={certificate}",
            f"--key-file={key}",
            "--client-cert-auth",
            f"--trusted-ca-file={cls.authority.certificate}",
        ]
        return EtcdMember(settings=settings, tls=True)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        rmtree(cls.folder)

    @property
    def address(self):
        return f"tls:{self.server.address}"

    def files(self, prefix=""):
        """
        Return options that name the files of a client that is let in.
        """
        certificate, key, _ = self.authority.issue("bob", "127.0.0.1")
        named = {"ca": self.authority.certificate, "certificate": certificate, "key": key}
        return {f"{prefix}{name}": str(file) for name, file in named.items()}


class TestTLS(SecuredMember, TestCase):
    async def test_works_over_tls(self):
        """
        With a certificate that etcd trusts, all works as without TLS.
        """
        files = self.files("tls_")
        provider = await self.running(self.address, **files)
        told = self.watching(await self.running(self.address, **files))
        await provider.announce(an_instance())
        await self.tells(told, "a")

    async def test_stays_out_without_a_certificate(self):
        """
        Without a certificate of its own it gets no further, and says so.
        """
        stranger = await self.running(self.address, tls_ca=str(self.authority.certificate))
        with pytest.raises(RegistryError, match="no etcd member answers"):
            await stranger.services()
        told = self.watching(stranger)
        await self.pass_time(1)
        assert instances_in(told) is None

    async def test_stays_away_from_a_stranger(self):
        """
        A member that the named authority does not vouch for learns nothing.
        """
        other = Authority(self.folder, "other")
        files = {**self.files("tls_"), "tls_ca": str(other.certificate)}
        suspicious = await self.running(self.address, **files)
        with pytest.raises(RegistryError, match="no etcd member answers"):
            await suspicious.services()
        assert "certificate" in suspicious.trouble

    async def test_names_a_file_that_is_missing(self):
        """
        A certificate that cannot be read stops the start, and is named.
        """
        files = {**self.files("tls_"), "tls_ca": "/nowhere/ca.pem"}
        with pytest.raises(SettingsError, match=r"/nowhere/ca\.pem.*No such file"):
            self.made(self.address, **files)


class TestTLSOfTheProcess(SecuredMember, TestCase):
    async def test_uses_the_files_of_the_process(self):
        """
        Without files of its own it uses those of the section [tls].
        """
        self.tls = options_of(TLSOptions, **self.files())
        registry = await self.running(self.address)
        await registry.announce(an_instance())
        assert ("demo.Greeter",) == await registry.services()

    async def test_its_own_files_come_first(self):
        """
        With files of its own it uses nothing of the section [tls].
        """
        other = Authority(self.folder, "other")
        self.tls = options_of(TLSOptions, ca=str(other.certificate))
        registry = await self.running(self.address, **self.files("tls_"))
        assert () == await registry.services()
