"""
The files by which two sides of a connection prove who they are.
"""

from __future__ import annotations

from pathlib import Path

from attrs import frozen

__all__ = ["TLSFiles"]


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
        Those that there are.
        """
        return tuple(file for file in (self.ca, self.certificate, self.key) if file is not None)
