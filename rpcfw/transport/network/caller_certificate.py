"""
Who a client is, by the certificate that it showed in the TLS handshake.

OpenSSL has checked the certificate already: a server asks for one only if it also refuses
those that no authority of ``[tls] ca`` has signed. Here its names are read, once for each
connection: DNS names and URIs of the subject alternative name. The common name counts for
nothing.

A certificate with a URI ``spiffe://...`` is an X.509-SVID. It has to follow the rules of that
standard (SPIFFE, X.509-SVID, sections 2, 4.1, 4.3 and 5.2), or the connection is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["caller_identity"]

#: An authority that is trusted has signed them; still, each of them is compared with rules.
_MAX_NAMES = 100
_MAX_CHARS = 2048
_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
#: SPIFFE-ID, sections 2.1 to 2.4. It has a path: without one it names a trust domain.
_SPIFFE_ID = re.compile(r"spiffe://[a-z0-9._\-]{1,255}(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._\-]+)+\Z")


def caller_identity(transport: Any) -> CallerIdentity:
    """
    Return who is at the other end of a server's connection.

    Raises:
        ValueError: its certificate breaks the rules for SPIFFE, has names beyond all limits, has
            expired, or cannot be read.
    """
    shown = getattr(transport, "getPeerCertificate", None)
    certificate = None if shown is None else shown()
    if certificate is None:
        return ANONYMOUS
    try:
        if certificate.has_expired():
            # OpenSSL does not look at the dates again when it resumes a session.
            raise ValueError("its certificate has expired since its TLS session began")
        return _identity(certificate.to_cryptography())
    except ValueError:
        raise
    except Exception as error:  # whatever it is, nobody is known by such a certificate
        raise ValueError("its certificate cannot be read") from error


def _identity(certificate: Certificate) -> CallerIdentity:
    from cryptography.x509 import (
        DNSName,
        ExtensionNotFound,
        SubjectAlternativeName,
        UniformResourceIdentifier,
    )

    try:
        extension = certificate.extensions.get_extension_for_class(SubjectAlternativeName)
    except ExtensionNotFound:
        return ANONYMOUS
    if len(tuple(extension.value)) > _MAX_NAMES:
        raise ValueError(f"its certificate has more than {_MAX_NAMES} names")
    uris = [_text(uri) for uri in extension.value.get_values_for_type(UniformResourceIdentifier)]
    hosts = [_text(name) for name in extension.value.get_values_for_type(DNSName)]
    names = [f"uri:{uri}" for uri in uris]
    if any(uri.lower().startswith("spiffe:") for uri in uris):
        _check_spiffe(certificate, uris)
        names = uris
    return CallerIdentity((*names, *(f"dns:{host.lower()}" for host in hosts)))


def _text(name: str) -> str:
    if len(name) > _MAX_CHARS or not _PRINTABLE.match(name):
        raise ValueError(
            f"a name in its certificate is longer than {_MAX_CHARS} characters, or is not "
            "printable ASCII"
        )
    return name


def _check_spiffe(certificate: Certificate, uris: list[str]) -> None:
    """
    Raise if a certificate with a SPIFFE ID is not that of a workload.
    """
    if len(uris) != 1:
        raise ValueError(f"its certificate has a SPIFFE ID and {len(uris)} URIs; one is allowed")
    if not _SPIFFE_ID.match(uris[0]):
        raise ValueError("the SPIFFE ID in its certificate is malformed")
    if _may_sign(certificate):
        raise ValueError("its certificate has a SPIFFE ID, but is that of an authority")


def _may_sign(certificate: Certificate) -> bool:
    from cryptography.x509 import BasicConstraints, ExtensionNotFound, KeyUsage

    try:
        if certificate.extensions.get_extension_for_class(BasicConstraints).value.ca:
            return True
    except ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return False
    return usage.key_cert_sign or usage.crl_sign
