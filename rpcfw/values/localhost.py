"""
The name of this machine itself.

It means the loopback address even where no resolver knows it, as in a container without
a hosts file (RFC 6761, section 6.3).
"""

from __future__ import annotations

__all__ = ["LOOPBACK", "is_localhost"]

LOOPBACK = "127.0.0.1"


def is_localhost(host: str) -> bool:
    """
    Tell whether a host name is this machine's own, whatever a resolver says.
    """
    name = host.removesuffix(".").lower()
    return name == "localhost" or name.endswith(".localhost")
