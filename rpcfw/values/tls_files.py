"""
The files by which two sides of a connection prove who they are.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

__all__ = ["TLS12_CIPHERS", "TLSFiles"]

#: The cipher suites of TLS 1.2, in OpenSSL's names and best first: forward secrecy and
#: AEAD alone, as RFC 9325 (section 4.2) recommends and RFC 9113 (section 9.2.2) demands
#: of HTTP/2. Those of TLS 1.3 are all good, and not chosen by this.
TLS12_CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)


@frozen
class TLSFiles:
    """
    What a client shows, and whom it trusts. All are PEM.

    Args:
        ca: whom to trust; None for the system's authorities.
        certificate: our own, and its chain; None for none.
        key: the private key of ``certificate``.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def given(self) -> tuple[Path, ...]:
        """
        The files that are set.
        """
        return tuple(file for file in (self.ca, self.certificate, self.key) if file is not None)
