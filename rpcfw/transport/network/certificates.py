"""
Certificates and keys, read from PEM files and checked before anything uses them.

The modules of the ``tls`` extra are loaded when they are first needed.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.files import read_regular

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["Identity", "load_certificates", "load_identity"]


@frozen
class Identity:
    """
    A certificate, the others of its chain, and its private key.
    """

    chain: tuple[Certificate, ...]
    key: Any
    file: Path

    def warning(self, now_s: float) -> str:
        """
        Return why peers will refuse the certificate; empty if they have no reason to.

        Args:
            now_s: seconds since 1970.
        """
        begins, ends = self.chain[0].not_valid_before_utc, self.chain[0].not_valid_after_utc
        now = datetime.fromtimestamp(now_s, timezone.utc)
        if now < begins:
            return f"the certificate in {self.file} is not valid before {begins:%Y-%m-%d %H:%M} UTC"
        if now > ends:
            return f"the certificate in {self.file} has expired on {ends:%Y-%m-%d %H:%M} UTC"
        return ""


def load_identity(certificate: Path, key: Path | None) -> Identity:
    """
    Read a certificate and its key.

    Args:
        key: None if it is in the certificate's file.

    Raises:
        SetupError: a file cannot be used, or the two do not belong together.
    """
    chain = load_certificates(certificate)
    key_file = key or certificate
    private = _private_key(key_file)
    if _encoded(chain[0].public_key()) != _encoded(private.public_key()):
        raise SetupError(
            f"TLS: the key in {key_file} is not that of the certificate in {certificate}: "
            "the first certificate of that file has to be the one that was issued for the key"
        )
    return Identity(chain, private, certificate)


def load_certificates(file: Path) -> tuple[Certificate, ...]:
    """
    Read every certificate of a file.

    Raises:
        SetupError: the file cannot be used.
    """
    from cryptography.x509 import load_pem_x509_certificates

    pem = _read(file)
    try:
        return tuple(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise _unusable(file, "no certificate in PEM") from error


def _private_key(file: Path) -> Any:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = _read(file)
    try:
        return load_pem_private_key(pem, None)
    except TypeError as error:
        # Nobody is there to be asked for the password when a server starts.
        raise _unusable(file, "its key has a password; store it without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(file, "no private key in PEM") from error


def _read(file: Path) -> bytes:
    try:
        return read_regular(file)
    except OSError as error:
        raise SetupError(f"TLS: {file} cannot be read: {error.strerror}") from error


def _unusable(file: Path, reason: str) -> SetupError:
    # OpenSSL's own messages are lists of numbers, and may quote what was read.
    return SetupError(f"TLS: {file} is not what it should be: {reason}")


def _encoded(public_key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    encoded: bytes = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return encoded
