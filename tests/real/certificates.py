"""
Certificates for one test: an authority, a server at 127.0.0.1 and a client.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["Authority"]

_DAY = dt.timedelta(days=1)


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """
    Signs certificates into PEM files of a folder.
    """

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        signed = self._signed(self._name, self._key.public_key(), None)
        self.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, host: str) -> tuple[Path, Path, Path]:
        """
        Return the files of a certificate, its key, and both in one.

        Args:
            host: the IP address or the name that it is for.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        signed = self._signed(_name(name), key.public_key(), host)
        certificate = signed.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        files = [self.folder / f"{name}-{part}.pem" for part in ("certificate", "key", "both")]
        for file, content in zip(files, (certificate, secret, secret + certificate), strict=True):
            file.write_bytes(content)
        return files[0], files[1], files[2]

    def _signed(self, subject, public_key, host):
        now = dt.datetime.now(dt.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + _DAY)
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([_subject(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _subject(host):
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
