"""
Who a client is, by its certificate.
"""

from __future__ import annotations

import pytest

pytest.importorskip("OpenSSL")

from OpenSSL import crypto

from rpcfw.transport.network.caller_certificate import caller_identity
from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity
from tests.certificates import Authority

SHOP = "URI=spiffe://example.org/shop/web"


class Transport:
    """
    The server's end of a TLS connection whose client has shown a certificate.
    """

    def __init__(self, certificate) -> None:
        self._certificate = certificate

    def getPeerCertificate(self):  # noqa: N802  # Twisted's
        return self._certificate


@pytest.fixture
def shown(tmp_path):
    """
    Make the server's end for a client with a certificate for these names.
    """

    def make(*names, **how):
        pem = Authority(tmp_path).issue("client", *names, **how).certificate.read_bytes()
        return Transport(crypto.load_certificate(crypto.FILETYPE_PEM, pem))

    return make


@pytest.mark.parametrize(
    ("names", "proved"),
    [
        ([SHOP], ["spiffe://example.org/shop/web"]),
        ([SHOP, "Shop.example.org"], ["spiffe://example.org/shop/web", "dns:shop.example.org"]),
        (["a.example.org", "b.example.org"], ["dns:a.example.org", "dns:b.example.org"]),
        (["URI=https://a.org/x", "URI=urn:b"], ["uri:https://a.org/x", "uri:urn:b"]),
        (["10.0.0.7"], []),
        ([], []),
    ],
)
def test_names(shown, names, proved):
    """
    DNS names and URIs count, each with its kind. The common name and IP addresses do not.
    """
    identity = caller_identity(shown(*names))

    assert tuple(proved) == identity.names
    assert identity.spiffe_id == ("spiffe://example.org/shop/web" if SHOP in names else "")


def test_a_certificate_that_has_expired_since_its_session_began(shown):
    """
    A resumed session does not keep a caller alive.
    """
    with pytest.raises(ValueError, match="expired"):
        caller_identity(shown(SHOP, days=-2))


def test_nobody(shown):
    """
    A connection without TLS, and a client without a certificate, have proved nothing.
    """
    assert caller_identity(object()) is ANONYMOUS
    assert caller_identity(Transport(None)) is ANONYMOUS


@pytest.mark.parametrize(
    "uri",
    [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe:///shop",
        "spiffe://Example.org/shop",
        "SPIFFE://example.org/shop",
        "spiffe://example.org:443/shop",
        "spiffe://user@example.org/shop",
        "spiffe://example.org/shop/",
        "spiffe://example.org//shop",
        "spiffe://example.org/../shop",
        "spiffe://example.org/shop/.",
        "spiffe://example.org/sh%6fp",
        "spiffe://example.org/shop?a=b",
        "spiffe://example.org/shop#a",
        "spiffe:example.org/shop",
    ],
)
def test_a_malformed_spiffe_id(shown, uri):
    """
    A SPIFFE ID that breaks the standard's syntax makes nobody of the whole certificate.
    """
    with pytest.raises(ValueError, match="SPIFFE ID in its certificate is malformed"):
        caller_identity(shown(f"URI={uri}", "shop.example.org"))


@pytest.mark.parametrize("other", ["URI=spiffe://example.org/admin", "URI=https://a.org/x"])
def test_two_uris(shown, other):
    """
    A certificate with a SPIFFE ID has exactly one URI.
    """
    with pytest.raises(ValueError, match="a SPIFFE ID and 2 URIs; one is allowed"):
        caller_identity(shown(SHOP, other))


@pytest.mark.parametrize("signs", ["constraint", "usage"])
def test_an_authority_is_no_workload(shown, signs):
    """
    A certificate that may sign others proves no SPIFFE ID.
    """
    with pytest.raises(ValueError, match="that of an authority"):
        caller_identity(shown(SHOP, signs=signs))


@pytest.mark.parametrize(
    "names", [[f"h{number}.org" for number in range(101)], ["URI=urn:" + "a" * 2048]]
)
def test_too_much(shown, names):
    """
    Names beyond the limits are refused.
    """
    with pytest.raises(ValueError, match=r"more than 100 names|longer than 2048"):
        caller_identity(shown(*names))


def test_what_cannot_be_read(shown):
    """
    Any other error makes nobody of the certificate, too.
    """

    class Broken:
        def has_expired(self):
            return False

        def to_cryptography(self):
            raise RuntimeError("what no library documents")

    with pytest.raises(ValueError, match="cannot be read"):
        caller_identity(Transport(Broken()))


def test_together():
    """
    What a caller proves in two ways adds up.
    """
    both = CallerIdentity(("dns:a",)).plus(CallerIdentity(("hmac:b",), {"x": 1}))

    assert ("dns:a", "hmac:b") == both.names
    assert "dns:a, hmac:b" == str(both)
    assert "x" not in repr(both)
    assert ANONYMOUS.plus(both) is both
    assert "an anonymous caller" == str(ANONYMOUS)
