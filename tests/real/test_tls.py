"""
Calls over TLS, with real certificates on real sockets.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from rpcfw import Application, Service, context, method
from rpcfw.errors import Unavailable
from rpcfw.spi.service_class import offered
from rpcfw.transport.network import sniffing
from rpcfw.transport.network.caller_certificate import caller_identity
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.tls_files import TLSFiles
from tests.certificates import Authority


class Echo(Service, name="test.Echo"):
    """
    Says what it hears.
    """

    @method
    async def say(self, text: str) -> str:
        return text

    @method
    async def who(self) -> str:
        return str(context().identity)


class TestTLS(TestCase):
    """
    An authority, a server whose certificate it signed, and clients.
    """

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.authority = Authority(self.folder)
        self.certificate, self.key, _ = self.authority.issue("server", "127.0.0.1")

    def _application(self, *sets: str, services: tuple[Service, ...] = ()) -> Application:
        application = Application.from_ini(
            sets=["registry.plugin=static", "connection.connect_timeout=2s", *sets],
            services=services,
        )
        self.addCleanup(lambda: Deferred.fromCoroutine(application.stop()))
        return application

    async def _serve(self, *sets: str) -> str:
        """
        Return the instance line of a server that was started.
        """
        server = self._application(
            "registry.instances=",
            "server.listen=tls:127.0.0.1:0",
            f"tls.certificate={self.certificate.absolute()}",
            f"tls.key={self.key.absolute()}",
            *sets,
            services=(Echo(),),
        )
        await server.start()
        assert server.server is not None
        return f"registry.instances=test.Echo = {server.server.addresses[0]}"

    async def _say(self, *sets: str) -> str:
        client = self._application(*sets)
        await client.start()
        said: str = await client.client(Echo).say("hello", timeout="5s")
        return said

    def test_calls_over_tls(self) -> Deferred[None]:
        """
        A client that trusts the authority calls a tls: address like any other.
        """

        async def run() -> None:
            instance = await self._serve()
            said = await self._say(instance, f"tls.ca={self.authority.certificate.absolute()}")

            assert "hello" == said

        return Deferred.fromCoroutine(run())

    def test_what_is_one_too_many_is_closed_at_once(self) -> Deferred[None]:
        """
        Over TLS too; and a connection without a handshake goes when its time is over.
        """

        async def run() -> None:
            line = await self._serve("server.max_connections=1", "server.handshake_timeout=3s")
            port = int(line.rpartition(":")[2])

            def closed_in_turn() -> list[str]:
                with (
                    socket.create_connection(("127.0.0.1", port)) as first,
                    socket.create_connection(("127.0.0.1", port)) as second,
                ):
                    first.settimeout(30)
                    second.settimeout(30)
                    order = []
                    for one, name in ((second, "second"), (first, "first")):
                        one.settimeout(30)
                        with contextlib.suppress(ConnectionResetError):
                            assert b"" == one.recv(1)
                        order.append(name)
                        if name == "second":
                            first.setblocking(False)
                            with pytest.raises(BlockingIOError):
                                first.recv(1)
                return order

            assert ["second", "first"] == await deferToThread(closed_in_turn)

        return Deferred.fromCoroutine(run())

    def test_a_name_that_was_looked_up(self) -> Deferred[None]:
        """
        The certificate must bear the name, not the address at which the name was found.
        """

        async def run() -> None:
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            by_address = await self._serve()
            self.certificate, self.key, _ = self.authority.issue("named", "localhost")
            by_name = await self._serve()
            dns = "registry.plugin=dns"

            named = by_name.replace("127.0.0.1", "localhost")
            assert "hello" == await self._say(dns, named, ca)
            with pytest.raises(Unavailable):
                await self._say(dns, by_address.replace("127.0.0.1", "localhost"), ca)

        return Deferred.fromCoroutine(run())

    def test_refuses_a_server_it_does_not_trust(self) -> Deferred[None]:
        """
        A server whose certificate nobody trusted signed is not called.
        """

        async def run() -> None:
            other = Authority(self.folder, "other")
            instance = await self._serve()
            with pytest.raises(Unavailable) as caught:
                await self._say(instance, f"tls.ca={other.certificate.absolute()}")

            assert "certificate" in str(caught.value)

        return Deferred.fromCoroutine(run())

    def test_refuses_a_server_of_another_name_on_both_wires(self) -> Deferred[None]:
        """
        A certificate without subjectAltName is nobody's, whatever its common name says.
        """

        async def run() -> None:
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            self.certificate, self.key, _ = self.authority.issue("127.0.0.1")
            wires = ("app.protocols=native, grpc", "server.protocols=native, grpc")
            instance = await self._serve(*wires)
            for wire in ("native", "grpc"):
                set_wire = ("app.protocols=native, grpc", f"client.protocols={wire}")
                line = f"{instance} protocols={wire}"
                with pytest.raises(Unavailable, match="no subjectAltName"):
                    await self._say(line, ca, *set_wire)
                with pytest.raises(Unavailable, match="no subjectAltName"):
                    await self._say(line, ca, "tls.server_name=127.0.0.1", *set_wire)

        return Deferred.fromCoroutine(run())

    def test_lets_in_certified_clients_only(self) -> Deferred[None]:
        """
        With clients = certified, a client needs a certificate of the authority's.
        """

        async def run() -> None:
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            instance = await self._serve("tls.clients=certified", ca)
            certificate, key, _ = self.authority.issue("client", "127.0.0.1")
            mine = (f"tls.certificate={certificate.absolute()}", f"tls.key={key.absolute()}")

            assert "hello" == await self._say(instance, ca, *mine)
            with pytest.raises(Unavailable):
                await self._say(instance, ca)

        return Deferred.fromCoroutine(run())

    def test_methods_know_certified_clients_on_every_wire(self) -> Deferred[None]:
        """
        The names of a client's certificate are read once for a connection, whatever its wire.
        """
        read = []

        def noted(transport: object) -> CallerIdentity:
            read.append(transport)
            return caller_identity(transport)

        async def run() -> None:
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            wires = ("native", "grpc", "dubbo")
            names = f"app.protocols={', '.join(wires)}"
            served = names.replace("app", "server")
            instance = await self._serve("tls.clients=certified", ca, names, served)
            uri = "spiffe://example.org/shop/web"
            certificate, key, _ = self.authority.issue("client", f"URI={uri}", "127.0.0.1")
            mine = (f"tls.certificate={certificate.absolute()}", f"tls.key={key.absolute()}")
            for wire in wires:
                client = self._application(
                    f"{instance} protocols={wire}", ca, *mine, names, f"client.protocols={wire}"
                )
                await client.start()
                read.clear()
                for _ in range(3):
                    assert uri == await client.client(Echo).who(timeout="5s")
                assert 1 == len(read)

        self.patch(sniffing, "caller_identity", noted)
        return Deferred.fromCoroutine(run())

    def test_cuts_off_a_client_whose_spiffe_id_is_not_valid(self) -> Deferred[None]:
        """
        A certificate of the authority's that breaks the rules of SPIFFE lets nobody in.
        """

        async def run() -> None:
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            instance = await self._serve("tls.clients=certified", ca)
            two = ("URI=spiffe://example.org/a", "URI=spiffe://example.org/b")
            certificate, key, _ = self.authority.issue("client", *two)
            mine = (f"tls.certificate={certificate.absolute()}", f"tls.key={key.absolute()}")
            with pytest.raises(Unavailable):
                await self._say(instance, ca, *mine)

        return Deferred.fromCoroutine(run())

    def test_takes_a_renewed_certificate(self) -> Deferred[None]:
        """
        A certificate that was replaced on disk is used by the next connection.
        """

        async def run() -> None:
            instance = await self._serve()
            renewer = Authority(self.folder, "renewer")
            certificate, key, _ = renewer.issue("renewed", "127.0.0.1")
            self.key.write_bytes(key.read_bytes())
            self.certificate.write_bytes(certificate.read_bytes())
            os.utime(self.certificate, ns=(1, 1))

            said = await self._say(instance, f"tls.ca={renewer.certificate.absolute()}")
            assert "hello" == said

        return Deferred.fromCoroutine(run())

    def test_a_channel_with_files_of_its_own(self) -> Deferred[None]:
        """
        A plugin's channel trusts whom its own files name, and nobody that [tls] does.
        """

        async def run() -> None:
            other = Authority(self.folder, "other")
            instance = await self._serve()
            address = Address.parse(instance.rpartition(" ")[2])
            ca = f"tls.ca={self.authority.certificate.absolute()}"
            client = self._application("registry.instances=", ca)
            await client.start()
            say = next(one.method for one in offered(Echo) if one.method.name == "say")
            request = say.request_type("hello")
            open_channel = client.runtime.plugin_context.open_channel

            trusting = open_channel(address, "native", TLSFiles(ca=self.authority.certificate))
            assert "hello" == await trusting.call(say, request, CallOptions(5.0))
            await trusting.close()
            suspicious = open_channel(address, "native", TLSFiles(ca=other.certificate))
            with pytest.raises(Unavailable):
                await suspicious.call(say, request, CallOptions(5.0))
            await suspicious.close()

        return Deferred.fromCoroutine(run())
