"""
Whether a server's certificate may be that of the server that was dialled.

Theory of operation. OpenSSL builds the chain to a trusted authority and checks dates
and purposes (RFC 5280). It calls a callback for each certificate, and the callback may
refuse. Ours refuses what OpenSSL has refused, and the server's own certificate if it
has another name (RFC 9525). It fails closed: any error while the name is checked refuses
the certificate, whether the library documents that error or not.

The names of a certificate are read one by one. Many have one that no client can match,
as ``*.localhost``, an IP address among the DNS names, or a URI. It is ignored, and the
others are compared.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography.x509 import DNSName, ExtensionNotFound, IPAddress, SubjectAlternativeName
from OpenSSL import SSL
from OpenSSL.crypto import X509
from service_identity import CertificateError
from service_identity.hazmat import (
    DNS_ID,
    DNSPattern,
    IPAddress_ID,
    IPAddressPattern,
    verify_service_identity,
)
from twisted.internet.error import VerifyError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.printable import printable
from rpcfw.transport.network.tls_sessions import ResumableConnection, SessionsOfContext

__all__ = ["ServerIdentity", "VerifiedConnections"]

#: OpenSSL's numbers (x509_vfy.h) for what people meet, and what to do about it.
_REASONS = {
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is signed by itself, and not among the trusted authorities",
    19: "its chain ends at an authority that is not trusted; see [tls] ca",
    20: "no trusted authority has signed it; see [tls] ca",
    21: "no trusted authority has signed it; see [tls] ca",
    23: "it was revoked",
    26: "it is not meant for a server (extended key usage)",
    79: "the one that signed it is not an authority's",
}


class ServerIdentity:
    """
    The name that a server's certificate must have.

    A name matches a DNS name of the certificate, with ``*`` for its leftmost label; an
    IP address matches an IP address. The subject's common name counts for nothing.

    Args:
        name: a host name or an IP address.

    Raises:
        ValueError: no certificate can have it.
    """

    def __init__(self, name: str) -> None:
        self.name = name.partition("%")[0] if _is_ip(name.partition("%")[0]) else name.rstrip(".")
        self.is_ip = _is_ip(self.name)
        self._id: Any = IPAddress_ID(self.name) if self.is_ip else DNS_ID(self.name)

    @property
    def sni(self) -> bytes | None:
        """
        The name that is sent to the server; None for an IP address (RFC 6066, section 3).
        """
        return None if self.is_ip else bytes(self._id.hostname)

    def verify(self, certificate: X509) -> None:
        """
        Return if the certificate has the name.

        Raises:
            Exception: it does not. Of what class, the library decides.
        """
        patterns = [*_patterns(certificate)]
        if not patterns or not verify_service_identity(patterns, [self._id], []):
            raise ValueError("nothing in the certificate matches the name")


@implementer(IOpenSSLClientConnectionCreator)
class VerifiedConnections:
    """
    Makes connections whose server proves to be the one that was dialled.

    A resumed session makes no callback: its certificate was checked when the session began.

    Args:
        sessions: those of the context, which says what is trusted, and what is shown.
        identity: the server's.
        alpn: names of the protocols that may be spoken, best first.
        address: of the server, which tells it from others of its name.
    """

    def __init__(
        self,
        sessions: SessionsOfContext,
        identity: ServerIdentity,
        alpn: Sequence[str],
        address: str = "",
    ) -> None:
        self._sessions = sessions
        self._identity = identity
        self._target = (identity.name, address, *alpn)
        self._alpn = [name.encode("ascii") for name in alpn]

    # The name is Twisted's.
    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:  # noqa: N802, N803
        """
        Return the OpenSSL connection of one more dial.
        """
        connection = ResumableConnection(self._sessions, self._target)
        sni = self._identity.sni
        if sni is not None:
            connection.set_tlsext_host_name(sni)
        if self._alpn:
            connection.set_alpn_protos(self._alpn)
        refuse = _Refuse(self._identity, tlsProtocol)
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, refuse)
        return connection


class _Refuse:
    """
    OpenSSL's callback for one connection: true for what may go on.
    """

    def __init__(self, identity: ServerIdentity, tls: Any) -> None:
        self._identity = identity
        self._tls = tls

    def __call__(
        self, connection: SSL.Connection, certificate: X509, number: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            where = "" if depth == 0 else " (of an authority in its chain)"
            return self._refused(_REASONS.get(number, f"OpenSSL's error {number}") + where)
        if depth > 0:
            return True
        try:
            self._identity.verify(certificate)
        except Exception:  # noqa: BLE001 - see the module: whatever it is, it refuses
            return self._refused(f"it is for {_names(certificate)}")
        return True

    def _refused(self, reason: str) -> bool:
        # Without this the reason would be OpenSSL's "certificate verify failed" alone.
        text = f"the server's certificate is refused for {self._identity.name}: {reason}"
        tls, self._tls = self._tls, None
        if tls is not None:
            tls.failVerification(Failure(VerifyError(text)))
        return False


def _patterns(certificate: X509) -> Iterator[Any]:
    """
    Yield what a certificate may be matched with.
    """
    for name in _alternative_names(certificate):
        if isinstance(name, IPAddress):
            if isinstance(name.value, (ipaddress.IPv4Address, ipaddress.IPv6Address)):
                yield IPAddressPattern(name.value)
        elif isinstance(name, DNSName):
            try:
                yield DNSPattern.from_bytes(name.value.encode())
            except CertificateError:
                continue  # nothing matches it; see the module


def _alternative_names(certificate: X509) -> Sequence[Any]:
    extensions = certificate.to_cryptography().extensions
    try:
        return tuple(extensions.get_extension_for_class(SubjectAlternativeName).value)
    except ExtensionNotFound:
        return ()


def _names(certificate: X509) -> str:
    """
    Return a certificate's names, for a person. They are text from the peer.
    """
    try:
        names = [printable(str(each.value)[:100]) for each in _alternative_names(certificate)]
    except Exception:  # noqa: BLE001 - it is refused already
        return "nobody: its subjectAltName cannot be read"
    if not names:
        return "nobody: it has no subjectAltName, and its common name does not count"
    return ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
