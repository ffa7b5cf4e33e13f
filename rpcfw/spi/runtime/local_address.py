"""
The address of this machine towards another one, asked from the system. Nothing here sends a packet.
"""

from __future__ import annotations

import socket

__all__ = ["ANYWHERE", "local_address_towards", "local_host", "without_scope"]

#: By family, addresses for documentation (RFC 5737, RFC 3849). No host has them, so they are on
#: the default route.
ANYWHERE: dict[int, str] = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}


def local_address_towards(host: str, port: int, family: int) -> str:
    """
    Return the address that a connection to a host would come from; empty if there is none.

    Connecting a UDP socket sends nothing: the system only looks up the route.
    """
    try:
        found = socket.getaddrinfo(host, port or 1, family, socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        return ""
    for kind, type_, protocol, _, address in found:
        try:
            with socket.socket(kind, type_, protocol) as probe:
                probe.connect(address)
                return without_scope(probe.getsockname()[0])
        except OSError:
            continue
    return ""


def local_host() -> str:
    """
    Return the address of this machine on its default route; empty if it has no such route.
    """
    found = (local_address_towards(host, 1, family) for family, host in ANYWHERE.items())
    return next(filter(None, found), "")


def without_scope(text: str) -> str:
    """
    Return an IPv6 address without its zone, as in ``fe80::1%eth0``.
    """
    return text.partition("%")[0]
