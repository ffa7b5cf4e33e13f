"""
Further connections to the same server resume a TLS session.
"""

from __future__ import annotations

import pytest

pytest.importorskip("OpenSSL")

from OpenSSL import SSL, crypto
from twisted.logger import capturedLogs, formatEvent

from rpcfw.transport.network import tls
from rpcfw.transport.network.server_identity import ServerIdentity
from rpcfw.transport.network.tls_sessions import MAX_AGE_S, SessionsOfContext
from tests.certificates import Authority
from tests.unit.transport.network.test_tls_files import World


class Counting(World):
    """
    Counts how often a server's certificate was checked: once in each whole handshake.
    """

    def __init__(self, folder, monkeypatch):
        super().__init__(folder)
        self.checked = 0
        verify = ServerIdentity.verify

        def counted(identity, certificate):
            self.checked += 1
            verify(identity, certificate)

        monkeypatch.setattr(ServerIdentity, "verify", counted)

    def resumes(self, **how):
        """
        Tell whether a new connection, which can be used in any case, resumes a session.
        """
        before = self.checked
        assert self.talks(**how)
        return self.checked == before

    def caller(self):
        """
        Return the name in the certificate of the newest connection's client.
        """
        certificate = self.accepted[-1].transport.getPeerCertificate().to_cryptography()
        return certificate.subject.rfc4514_string()


@pytest.fixture
def world(tmp_path, monkeypatch):
    return Counting(tmp_path, monkeypatch)


@pytest.mark.parametrize("newest", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_further_connections_resume_the_session(tmp_path, monkeypatch, newest):
    """
    With either version of TLS. The server still knows the certificate of the client.
    """
    make = tls._context  # noqa: SLF001  # all contexts are made there

    def limited(*arguments):
        context = make(*arguments)
        context.set_max_proto_version(newest)
        return context

    monkeypatch.setattr(tls, "_context", limited)
    world = Counting(tmp_path, monkeypatch)
    assert [False, True, True, True] == [world.resumes() for _ in range(4)]
    assert "CN=first-client" == world.caller()


@pytest.mark.parametrize("side", ["server", "client"])
def test_no_session_outlives_the_files(world, side):
    """
    After a new certificate of either side, the next handshake is a whole one.
    """
    assert [False, True] == [world.resumes(), world.resumes()]
    world.give("first", side)
    assert [False, True] == [world.resumes(), world.resumes()]


def test_no_session_outlives_a_change_of_trust(world):
    """
    A client that the server trusts no more is refused, although it has a session.
    """
    assert [False, True] == [world.resumes(), world.resumes()]
    other = world.authorities["first"]
    world.give("second", "server")
    world.file("client", "ca").write_bytes(world.authorities["second"].certificate.read_bytes())
    assert not world.talks()
    # Trusted again, by what the client has had from the beginning.
    world.file("server", "ca").write_bytes(other.certificate.read_bytes())
    assert [False, True] == [world.resumes(), world.resumes()]


@pytest.mark.parametrize(
    "how", [{"alpn": "h2"}, {"address": "tls:localhost:2"}, {"client": "another"}]
)
def test_sessions_are_not_shared(world, how):
    """
    Each protocol, each address and each client with TLS options of its own has its own.
    """
    if "client" in how:
        how = {"client": world.tls("client")}
    assert [False, True] == [world.resumes(), world.resumes()]
    assert [False, True] == [world.resumes(**how), world.resumes(**how)]


def test_a_name_that_the_certificate_lacks_is_refused_with_a_session(world):
    """
    A session is for the name that was checked when it began, wherever the server is.
    """
    assert [False, True] == [world.resumes(), world.resumes()]
    assert not world.talks(host="other.example.com")


@pytest.mark.parametrize("side", ["server", "client"])
def test_a_session_that_was_resumed_again_and_again_is_given_up(world, side):
    """
    A client checks the certificate again after an hour, and a server's keys change after one.
    """
    assert not world.resumes()
    for _ in range(3):
        world.clocks[side].advance(MAX_AGE_S / 4)
        assert world.resumes()
    world.clocks[side].advance(MAX_AGE_S / 4)
    assert [False, True] == [world.resumes(), world.resumes()]


def test_the_keys_of_a_server_change_also_without_its_files(world):
    """
    A process may have given up the right to read them. Nothing is reported then but once.
    """
    assert [False, True] == [world.resumes(), world.resumes()]
    world.file("server", "key").unlink()
    with capturedLogs() as events:
        assert world.resumes()
        for _ in range(3):
            world.clocks["server"].advance(MAX_AGE_S)
            assert [False, True] == [world.resumes(), world.resumes()]
    assert 1 == sum("stay in use" in formatEvent(event) for event in events)


def certificate(folder, **how):
    """
    Return the certificate of some server.
    """
    pem = Authority(folder).issue("any", **how).certificate.read_bytes()
    return crypto.load_certificate(crypto.FILETYPE_PEM, pem)


def test_a_session_is_used_once(tmp_path):
    """
    So one that a server cannot use costs one attempt. Those of too many servers are dropped.
    """
    sessions = SessionsOfContext(SSL.Context(SSL.TLS_METHOD), 0.0)
    good = certificate(tmp_path)
    for number in range(1001):
        sessions.keep((str(number),), SSL.Session(), good)
    sessions.keep(("no session",), None, good)
    assert sessions.take(("0",)) is None
    assert sessions.take(("1",)) is not None
    assert sessions.take(("1",)) is None
    assert sessions.take(("no session",)) is None


def test_no_session_outlives_the_certificate_of_the_server(tmp_path):
    """
    The next handshake is a whole one, and refuses it.
    """
    sessions = SessionsOfContext(SSL.Context(SSL.TLS_METHOD), 0.0)
    sessions.keep(("expired",), SSL.Session(), certificate(tmp_path, days=-2))
    assert sessions.take(("expired",)) is None
