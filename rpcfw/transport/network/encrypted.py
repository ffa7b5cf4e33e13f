"""
Whether others can read what a connection carries.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ITCPTransport

__all__ = ["is_encrypted"]


def is_encrypted(transport: Any) -> bool:
    """
    Tell whether nobody between the two ends can read it: TLS, or both are on this machine.
    """
    return hasattr(transport, "getPeerCertificate") or not ITCPTransport.providedBy(transport)
