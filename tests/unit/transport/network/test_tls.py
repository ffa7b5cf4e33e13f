"""
TLS: whose certificates are taken, in memory, and what is refused before anything listens.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLContextFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

pytest.importorskip("OpenSSL")

from OpenSSL import SSL

from rpcfw.errors import SetupError
from rpcfw.kernel.settings import options_of
from rpcfw.transport.network.end_reason import end_reason
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.network.tls import TLS, TLSOptions
from tests.certificates import Authority

#: Half a year, in days: surely over, or surely to come.
LATER = 180

#: Long: less of it would wait in Twisted for a turn of the real reactor.
HELLO = b"hello" * 20_000


@implementer(IHandshakeListener)
class Noting(Protocol):
    """
    Says hello, and notes what comes and why it ended.
    """

    def __init__(self) -> None:
        self.heard = b""
        self.end = ""
        self.alpn = b""

    def connectionMade(self) -> None:
        self.transport.write(HELLO)

    def dataReceived(self, data: bytes) -> None:
        self.heard += data

    def handshakeCompleted(self) -> None:  # noqa: N802  # Twisted's
        self.alpn = self.transport.negotiatedProtocol

    def connectionLost(self, reason: Any = None) -> None:
        self.end = end_reason(reason)


@implementer(IStreamClientEndpoint)
class InMemory:
    """
    The way to the one server there is.
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self._network = network

    def connect(self, factory: Factory) -> Deferred[Any]:
        return succeed(self._network.connect("server", factory))


class Pair:
    """
    A client that dials a server over TLS, and how that ended.
    """

    def __init__(
        self, server: TLSOptions, client: TLSOptions, host: str, offered: str = "native"
    ) -> None:
        clock = Clock()
        network = MemoryNetwork(clock)
        self.server, self.client = Noting(), Noting()
        accepting = TLS(server, clock).server(Factory.forProtocol(lambda: self.server), ["native"])
        network.listen("server", accepting)
        dialling = TLS(client, clock).client(InMemory(network), host, offered)
        dialling.connect(Factory.forProtocol(lambda: self.client))
        for _ in range(50):
            clock.advance(0)

    @property
    def talked(self) -> bool:
        """
        Whether anything of either side reached the other.
        """
        return bool(self.server.heard or self.client.heard)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """
    Whom both sides trust.
    """
    return Authority(tmp_path)


def options(authority: Authority, issued: Any = None, **others: Any) -> TLSOptions:
    """
    Return options that trust the authority, and show a certificate.
    """
    given = {"ca": authority.certificate, **others}
    if issued is not None:
        given |= {"certificate": issued.certificate, "key": issued.key}
    return evolve(options_of(TLSOptions), **given)


def dial(authority: Authority, issued: Any, host: str, **others: Any) -> Pair:
    """
    Dial a server that shows ``issued``.
    """
    return Pair(options(authority, issued), options(authority, **others), host)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("shop.example.com", ["shop.example.com"]),
        ("SHOP.example.com", ["shop.example.com"]),
        ("shop.example.com.", ["shop.example.com"]),
        ("shop.example.com", ["other.example.com", "*.example.com"]),
        ("my_shop", ["my_shop"]),
        ("127.0.0.1", ["127.0.0.1"]),
        ("::1", ["::1"]),
        # Names that nothing can match stand beside it in many certificates.
        ("localhost", ["*.localhost", "localhost"]),
        ("localhost", ["*", "localhost"]),
        ("localhost", ["DNS=127.0.0.1", "localhost"]),
        ("127.0.0.1", ["DNS=127.0.0.1", "127.0.0.1"]),
        ("localhost", ["URI=urn:uuid:7", "localhost"]),
        ("localhost", ["URI=https://localhost:8443/", "localhost"]),
    ],
)
def test_a_certificate_with_the_name_is_taken(authority, host, names):
    """
    A host name, a wildcard for its leftmost label, or an IP address lets the server in.

    So it does whatever other names the certificate has.
    """
    pair = dial(authority, authority.issue("server", *names), host)

    assert (HELLO, HELLO) == (pair.server.heard, pair.client.heard)


def test_the_protocol_is_agreed_upon(authority):
    """
    Client and server name their protocols in the handshake (ALPN), and learn of the other's.
    """
    pair = dial(authority, authority.issue("server", "localhost"), "localhost")

    assert (b"native", b"native") == (pair.client.alpn, pair.server.alpn)


def test_no_protocol_in_common(authority):
    """
    A client that offers no protocol of the server's is told so, and so is the server's log.
    """
    server = options(authority, authority.issue("server", "localhost"))

    pair = Pair(server, options(authority), "localhost", offered="h2")

    assert not pair.talked
    assert "TLS: the client offers none of native by ALPN" == pair.server.end
    assert "no application protocol" in pair.client.end
    assert pair.client.end.startswith("TLS: ")


def test_a_client_that_offers_no_protocol(authority):
    """
    A client without ALPN is let in; its first bytes tell what it speaks.
    """
    server = options(authority, authority.issue("server", "localhost"))

    pair = Pair(server, options(authority), "localhost", offered="")

    assert (HELLO, HELLO) == (pair.server.heard, pair.client.heard)


@pytest.mark.parametrize(
    ("host", "names"),
    [
        ("localhost", []),
        ("localhost", ["shop.example.com"]),
        ("shop.example.com", ["shop.example.com.attacker.org"]),
        ("a.shop.example.com", ["*.example.com"]),
        ("example.com", ["*.example.com"]),
        ("shop.example.com", ["sh*.example.com"]),
        ("127.0.0.1", ["DNS=127.0.0.1"]),
        ("localhost", ["*"]),
        ("localhost", ["URI=https://localhost/"]),
        ("shop.example.com", ["*.*.com"]),
        ("example.com", ["*.com"]),
        ("shop", ["*"]),
        ("127.0.0.1", []),
        ("127.0.0.1", ["127.0.0.2"]),
        ("127.0.0.1", ["localhost"]),
        ("localhost", ["127.0.0.1"]),
        ("::1", ["127.0.0.1"]),
    ],
)
def test_a_certificate_without_the_name_is_refused(authority, host, names):
    """
    What the authority signed for somebody else, or for no name, is nobody's proof.

    Its common name is the one that was dialled, and does not count.
    """
    pair = dial(authority, authority.issue(host.replace(":", "-"), *names), host)

    assert not pair.talked
    assert f"the server's certificate is refused for {host.lower()}" in pair.client.end.lower()
    if not names:
        assert "no subjectAltName" in pair.client.end


def test_the_name_may_be_set(authority):
    """
    With server_name, that name has to stand in the certificate, whatever was dialled.
    """
    bank = authority.issue("bank", "bank.example.com")
    nameless = authority.issue("bank.example.com")
    local = authority.issue("local", "localhost")

    wanted = {"server_name": "bank.example.com"}
    assert dial(authority, bank, "localhost", **wanted).talked
    assert not dial(authority, nameless, "localhost", **wanted).talked
    assert not dial(authority, local, "localhost", **wanted).talked


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"usage": "client"}, "not meant for a server"),
        ({"days": -LATER}, "has expired"),
        ({"days": LATER}, "not valid yet"),
    ],
)
def test_a_certificate_that_is_not_good_for_this_is_refused(authority, how, reason):
    """
    A client's certificate, an old one and one of the future are refused, and why is told.
    """
    pair = dial(authority, authority.issue("server", "localhost", **how), "localhost")

    assert not pair.talked
    assert reason in pair.client.end


def test_a_certificate_of_a_stranger_is_refused(authority, tmp_path):
    """
    The name alone is no proof: somebody who is trusted has to have signed it.
    """
    stranger = Authority(tmp_path, "stranger")

    pair = dial(authority, stranger.issue("server", "localhost"), "localhost")

    assert not pair.talked
    assert "no trusted authority" in pair.client.end


@pytest.mark.parametrize("how", [{"usage": "client"}, {}])
def test_a_client_with_a_certificate_is_let_in(authority, how):
    """
    Where clients are certified, one that shows a certificate of the authority's is heard.
    """
    server = options(authority, authority.issue("server", "localhost"), clients="certified")

    pair = Pair(server, options(authority, authority.issue("client", **how)), "localhost")

    assert HELLO == pair.server.heard


@pytest.mark.parametrize("how", ["none", "server", "expired", "stranger"])
def test_a_client_without_a_good_certificate_is_not_heard(authority, tmp_path, how):
    """
    None, a server's, an expired one and a stranger's all keep a client out.
    """
    shown = {
        "none": lambda: None,
        "server": lambda: authority.issue("client", usage="server"),
        "expired": lambda: authority.issue("client", days=-LATER),
        "stranger": lambda: Authority(tmp_path, "stranger").issue("client"),
    }
    server = options(authority, authority.issue("server", "localhost"), clients="certified")

    pair = Pair(server, options(authority, shown[how]()), "localhost")

    assert b"" == pair.server.heard


def test_whatever_fails_in_the_check_refuses(authority, monkeypatch):
    """
    An error that nobody foresaw, while the name is looked at, refuses the server.
    """
    from rpcfw.transport.network.server_identity import ServerIdentity

    def fail(self: Any, certificate: Any) -> None:
        raise RuntimeError("what no library documents")

    monkeypatch.setattr(ServerIdentity, "verify", fail)

    assert not dial(authority, authority.issue("server", "localhost"), "localhost").talked


def test_ciphers_of_tls_1_2_are_modern_ones(authority):
    """
    A peer that knows TLS 1.2 with CBC or without forward secrecy alone is refused.
    """
    from twisted.protocols.tls import TLSMemoryBIOFactory

    issued = authority.issue("server", "localhost")

    def spoken_with(ciphers: bytes) -> bool:
        @implementer(IOpenSSLContextFactory)
        class Contexts:
            def getContext(self) -> SSL.Context:  # noqa: N802  # Twisted's
                context = SSL.Context(SSL.TLS_METHOD)
                context.set_options(SSL.OP_NO_TLSv1_3)
                context.set_cipher_list(ciphers)
                return context

        clock = Clock()
        network, server = MemoryNetwork(clock), Noting()
        accepting = TLS(options(authority, issued), clock).server(
            Factory.forProtocol(lambda: server), []
        )
        network.listen("server", accepting)
        network.connect(
            "server", TLSMemoryBIOFactory(Contexts(), True, Factory.forProtocol(Noting))
        )
        for _ in range(50):
            clock.advance(0)
        return bool(server.heard)

    assert spoken_with(b"ECDHE-ECDSA-AES128-GCM-SHA256")
    for old in (b"ECDHE-ECDSA-AES128-SHA", b"ECDHE-ECDSA-AES256-SHA384", b"AES128-SHA"):
        assert not spoken_with(old)


def test_a_key_of_another_certificate_is_refused_at_the_start(authority):
    """
    A mismatch is found before anything listens, and both files are named.
    """
    issued, other = authority.issue("server", "localhost"), authority.issue("other", "localhost")
    mixed = TLS(
        evolve(options_of(TLSOptions), certificate=issued.certificate, key=other.key), Clock()
    )

    with pytest.raises(SetupError, match=r"other-key\.pem is not that .*server-certificate\.pem"):
        mixed.check()
    with pytest.raises(SetupError, match=r"other-key\.pem is not that .*server-certificate\.pem"):
        mixed.server(Factory(), [])


def test_a_certificate_that_openssl_refuses_is_named(authority, monkeypatch):
    """
    What OpenSSL does not take, as a key that is too small, is found like any other mistake.

    It stops a server's start, is a client's reason for no connection, and leaves a server
    that runs with the certificate that it has.
    """
    issued = authority.issue("server", "localhost")
    given = TLS(
        evolve(options_of(TLSOptions), certificate=issued.certificate, key=issued.key), Clock()
    )
    running = given.server(Factory.forProtocol(Protocol), [])

    def refuse(self, certificate):
        raise SSL.Error([("SSL routines", "", "ee key too small")])

    monkeypatch.setattr(SSL.Context, "use_certificate", refuse)
    sentence = r"OpenSSL refuses the certificate in .*server-certificate\.pem: ee key too small"
    with pytest.raises(SetupError, match=sentence):
        given.check()
    with pytest.raises(SetupError, match=sentence):
        given.server(Factory(), [])
    with pytest.raises(SetupError, match=sentence):
        given.client(object(), "localhost", "")
    network = MemoryNetwork(Clock())
    network.listen("server", running)
    os.utime(issued.certificate, ns=(0, 0))
    with capturedLogs() as logs:
        network.connect("server", Factory.forProtocol(Protocol))
    assert ["ee key too small"] == [formatEvent(each).rpartition(": ")[2] for each in logs]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "cannot be read: No such file"),
        (b"nonsense", "no certificate in PEM"),
        ("folder", "cannot be read: it is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, content, reason):
    """
    What is missing, holds something else or is no file stops the start with a sentence.
    """
    file = tmp_path / "server.pem"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)

    with pytest.raises(SetupError, match=rf"server\.pem.*{reason}"):
        TLS(evolve(options_of(TLSOptions), certificate=file), Clock()).check()
    with pytest.raises(SetupError, match=rf"server\.pem.*{reason}"):
        TLS(evolve(options_of(TLSOptions), ca=file), Clock()).check()


def test_a_key_with_a_password_is_refused(authority, tmp_path):
    """
    Nobody is asked for a password at a terminal when a server starts.
    """
    from cryptography.hazmat.primitives import serialization as form

    issued = authority.issue("server", "localhost")
    key = form.load_pem_private_key(issued.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    password = form.BestAvailableEncryption(b"secret")
    pem, pkcs8 = form.Encoding.PEM, form.PrivateFormat.PKCS8
    locked.write_bytes(key.private_bytes(pem, pkcs8, password))

    with pytest.raises(SetupError, match=r"locked\.pem.*has a password"):
        TLS(
            evolve(options_of(TLSOptions), certificate=issued.certificate, key=locked), Clock()
        ).check()


@pytest.mark.parametrize(
    ("days", "warning"), [(0, None), (-LATER, "has expired on"), (LATER, "is not valid before")]
)
def test_a_certificate_out_of_date_is_warned_of(authority, days, warning):
    """
    A server that starts with a certificate which peers will refuse says so.
    """
    import datetime as dt

    issued = authority.issue("server", "localhost")
    today = dt.datetime.now(dt.timezone.utc).timestamp()

    with capturedLogs() as logs:
        TLS(options(authority, issued), Clock(), lambda: today - days * 86_400.0).server(
            Factory(), []
        )

    texts = [formatEvent(event) for event in logs]
    assert (1 if warning else 0) == len(texts)
    if warning:
        assert warning in texts[0]
        assert "server-certificate.pem" in texts[0]


@pytest.mark.parametrize("name", ["two words", "", "a/b"])
def test_a_name_that_no_certificate_can_have_is_refused(authority, name):
    """
    A host that is no name at all is refused with a sentence before it is dialled.
    """
    with pytest.raises(SetupError, match="no certificate can be for the name"):
        TLS(options(authority), Clock()).client(InMemory(MemoryNetwork(Clock())), name, "native")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SSL.Error([("SSL routines", "", "bad record")]), "TLS: bad record"),
        (SSL.SysCallError(32, "Broken pipe"), "TLS: the peer broke it off"),
        (SSL.ZeroReturnError(), "TLS: the peer broke it off"),
        (ConnectionRefusedError("no"), "no"),
    ],
)
def test_the_reason_of_an_end(error, reason):
    """
    Whatever ended a connection is told as a sentence, not as OpenSSL's list of tuples.
    """
    assert reason == end_reason(Failure(error))
