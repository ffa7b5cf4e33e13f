"""
The two ends of a connection, as text.
"""

from __future__ import annotations

from twisted.internet.interfaces import IAddress

__all__ = ["address_text"]


def address_text(address: IAddress) -> str:
    """
    Return an end of a connection as people read it.
    """
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    if host is None:
        return "a local peer"
    if port is None:
        return str(host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
