"""
Certificates for one test: an authority, and what it signs, good and bad.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Issued"]

_DAY = dt.timedelta(days=1)
_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
_SIGNING = x509.KeyUsage(**{name: name == "key_cert_sign" for name in _KEY_USAGES})
_USAGES = {
    "server": ExtendedKeyUsageOID.SERVER_AUTH,
    "client": ExtendedKeyUsageOID.CLIENT_AUTH,
}


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Issued(NamedTuple):
    """
    The files of one certificate.
    """

    certificate: Path
    key: Path
    both: Path


class Authority:
    """
    Signs certificates into PEM files of a folder.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        signed = self._signed(self._name, self._key.public_key(), authority=True)
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, name: str, *names: str, usage: str = "", days: int = 0, signs: str = ""
    ) -> Issued:
        """
        Return the files of a certificate, its key, and both in one.

        Args:
            name: its common name, and how its files are called.
            names: the IP addresses and host names that it is for; ``DNS=`` and ``URI=``
                stand before what would be taken for something else.
            usage: what its key is for, ``server`` or ``client``; empty: anything.
            days: how far in the future the day is on which it is valid.
            signs: by what it may sign certificates too: ``constraint`` or ``usage``.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed(_name(name), key.public_key(), names, usage, days, signs)
        certificate = signed.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        files = [self.folder / f"{name}-{part}.pem" for part in ("certificate", "key", "both")]
        for file, content in zip(files, (certificate, secret, secret + certificate), strict=True):
            file.write_bytes(content)
        return Issued(*files)

    def _signed(
        self, subject, public_key, names=(), usage="", days=0, signs="", *, authority=False
    ):
        authority = authority or signs == "constraint"
        now = dt.datetime.now(dt.timezone.utc) + days * _DAY
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if signs == "usage":
            builder = builder.add_extension(_SIGNING, critical=True)
        if names:
            alternatives = x509.SubjectAlternativeName([_subject(each) for each in names])
            builder = builder.add_extension(alternatives, critical=False)
        if usage:
            usages = x509.ExtendedKeyUsage([_USAGES[usage]])
            builder = builder.add_extension(usages, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _subject(host):
    kind, _, rest = host.partition("=")
    if rest:
        return {"DNS": x509.DNSName, "URI": x509.UniformResourceIdentifier}[kind](rest)
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
